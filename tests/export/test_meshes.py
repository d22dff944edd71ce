"""Surfaces as trimesh reads them: closed, of the right size, in the right place, named."""

import json
import struct

import numpy as np
import pytest
import trimesh
from blobs import CENTRES_MM, RADII_MM, blob_mask, grid_around
from hypothesis import given, settings
from hypothesis import strategies as st

from spondyl.anatomy import COLOURS, NAMES
from spondyl.export.gltf import write_glb
from spondyl.export.mesh_files import write_ply_folder, write_stl_folder
from spondyl.export.surface import surfaces
from spondyl.phantom import PhantomOptions, make_phantom
from spondyl.volume import Volume

VOLUME_MM3 = 4 / 3 * np.pi * np.prod(RADII_MM)


def checked(mesh, centre_mm, *, volume_mm3=VOLUME_MM3, share=0.03, apart_mm=0.3):
    assert mesh.is_watertight
    assert mesh.is_winding_consistent
    assert mesh.volume == pytest.approx(volume_mm3, rel=share)  # positive: seen from outside
    np.testing.assert_allclose(mesh.center_mass, centre_mm, atol=apart_mm)


@pytest.mark.parametrize("codes", ["RAS", "LPS", "PIR", "ASL"])
@pytest.mark.parametrize("spacing", [(1, 1, 1), (0.5, 0.7, 0.6), (0.8, 0.8, 3.0)])
def test_surfaces_are_closed_true_and_in_place(codes, spacing):
    mask = blob_mask(grid_around(spacing, codes))
    found = list(surfaces(mask))
    assert [surface.name for surface in found] == ["T12", "T13", "L1"]
    for surface in found:
        mesh = trimesh.Trimesh(surface.vertices_mm, surface.faces)
        volume_mm3 = np.count_nonzero(mask.data == surface.label) * np.prod(spacing)
        checked(mesh, CENTRES_MM[surface.label], volume_mm3=volume_mm3)
        outwards = surface.vertices_mm - np.array(CENTRES_MM[surface.label])
        assert (np.einsum("ij,ij->i", surface.normals(), outwards) > 0).all()
        shape = ((outwards / RADII_MM) ** 2).sum(axis=1)
        half_slice = 0.5 * max(spacing) / min(RADII_MM)
        assert np.abs(np.sqrt(shape) - 1).max() < half_slice + 0.03  # no stairs


def test_smoothing_does_not_shrink():
    """Against the volume of the voxels, on vertebrae with all their processes."""
    options = PhantomOptions(levels=("L1", "L2"), field_of_view_mm=(110, 130, 90))
    mask = make_phantom(2, options).spine.mask
    whole = [surface for surface in surfaces(mask) if surface.name in ("L1", "L2")]
    assert len(whole) == 2
    for surface in whole:
        voxels = np.argwhere(mask.data == surface.label)
        mesh = trimesh.Trimesh(surface.vertices_mm, surface.faces)
        checked(mesh, mask.grid.to_world(voxels).mean(axis=0), volume_mm3=len(voxels), share=0.02)


@given(seed=st.integers(0, 10_000), share=st.floats(0.02, 0.6))
@settings(deadline=None, max_examples=20)
def test_any_voxels_have_a_closed_surface(seed, share):
    data = (np.random.default_rng(seed).random((9, 8, 7)) < share).astype(np.uint8) * 20
    data[4, 4, 3] = 20
    grid = grid_around((1, 1, 1), "LPS", (9, 8, 7))
    (surface,) = surfaces(Volume(data, grid))
    pairs = np.sort(
        np.concatenate([surface.faces[:, [0, 1]], surface.faces[:, [1, 2]], surface.faces[:, [2, 0]]])
    )
    _, times = np.unique(pairs, axis=0, return_counts=True)
    assert (times % 2 == 0).all()
    assert np.isfinite(surface.vertices_mm).all()


def test_a_single_tiny_voxel_is_kept():
    data = np.zeros((9, 9, 9), np.uint8)
    data[4, 4, 4] = 5
    grid = grid_around((0.3, 0.3, 0.3), "RAS", (2.7, 2.7, 2.7))
    (surface,) = surfaces(Volume(data, grid))
    np.testing.assert_allclose(surface.vertices_mm.mean(axis=0), grid.to_world([4, 4, 4]), atol=0.6)


def test_a_vertebra_at_the_border_is_closed():
    mask = blob_mask(grid_around(size_mm=(64, 48, 60)))
    by_name = {surface.name: surface for surface in surfaces(mask)}
    half = trimesh.Trimesh(by_name["T12"].vertices_mm, by_name["T12"].faces)
    assert half.is_watertight
    assert half.bounds[1][2] < 60.5


def test_stl_files(tmp_path):
    write_stl_folder(surfaces(blob_mask(grid_around())), tmp_path / "stl")
    assert sorted(path.name for path in (tmp_path / "stl").iterdir()) == ["L1.stl", "T12.stl", "T13.stl"]
    for label, centre in CENTRES_MM.items():
        path = tmp_path / "stl" / f"{NAMES[label]}.stl"
        checked(trimesh.load_mesh(path), centre)
        header = path.read_bytes()[:80]
        assert header.startswith(NAMES[label].encode())
        assert b"SPACE=RAS" in header


def test_ply_files(tmp_path):
    write_ply_folder(surfaces(blob_mask(grid_around())), tmp_path / "ply")
    for label, centre in CENTRES_MM.items():
        path = tmp_path / "ply" / f"{NAMES[label]}.ply"
        mesh = trimesh.load_mesh(path)
        checked(mesh, centre)
        assert (mesh.visual.vertex_colors[:, :3] == COLOURS[label]).all()
        assert b"comment SPACE=RAS\n" in path.read_bytes()[:400]


def test_gltf_scene(tmp_path):
    write_glb(surfaces(blob_mask(grid_around())), tmp_path / "spine.glb")
    scene = trimesh.load_scene(tmp_path / "spine.glb")
    assert set(scene.geometry) == {"T12", "T13", "L1"}
    for label, (x, y, z) in CENTRES_MM.items():
        name = NAMES[label]
        checked(scene.geometry[name], (x, y, z))  # stored in RAS+ mm
        matrix, _ = scene.graph[name]
        shown = scene.geometry[name].copy().apply_transform(matrix)
        assert shown.volume == pytest.approx(VOLUME_MM3 * 1e-9, rel=0.03)  # metres, and not mirrored
        np.testing.assert_allclose(shown.center_mass, np.array((-x, z, y)) / 1000, atol=3e-4)
        assert scene.geometry[name].visual.material.name == name


def test_gltf_keeps_the_rules_readers_rely_on(tmp_path):
    write_glb(surfaces(blob_mask(grid_around())), tmp_path / "spine.glb")
    content = (tmp_path / "spine.glb").read_bytes()
    magic, version, length, json_length, kind = struct.unpack_from("<4sIII4s", content)
    assert (magic, version, length, kind) == (b"glTF", 2, len(content), b"JSON")
    document = json.loads(content[20 : 20 + json_length])
    assert json_length % 4 == 0
    binary_length, binary = struct.unpack_from("<I4s", content, 20 + json_length)
    assert binary == b"BIN\0"
    assert document["buffers"] == [{"byteLength": binary_length}]
    assert all(view["byteOffset"] % 4 == 0 for view in document["bufferViews"])
    for mesh in document["meshes"]:
        place = document["accessors"][mesh["primitives"][0]["attributes"]["POSITION"]]
        view = document["bufferViews"][place["bufferView"]]
        start = 28 + json_length + view["byteOffset"]
        points = np.frombuffer(content[start : start + view["byteLength"]], "<f4").reshape(-1, 3)
        np.testing.assert_array_equal(points.min(axis=0), np.float32(place["min"]))
        np.testing.assert_array_equal(points.max(axis=0), np.float32(place["max"]))
    colours = {m["name"]: m["pbrMetallicRoughness"]["baseColorFactor"] for m in document["materials"]}
    red, green, blue = (
        round(255 * (12.92 * v if v <= 0.0031308 else 1.055 * v ** (1 / 2.4) - 0.055))
        for v in colours["L1"][:3]
    )
    assert (red, green, blue) == COLOURS[20]


def test_a_scene_without_vertebrae(tmp_path):
    write_glb([], tmp_path / "empty.glb")
    content = (tmp_path / "empty.glb").read_bytes()
    assert json.loads(content[20:])["nodes"][0]["name"] == "spine"
