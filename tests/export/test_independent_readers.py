"""Every file of one result, opened by a reader that is not ours; all find the vertebrae where they were put.

The pages are read by a browser and by poppler in ``tests/report``, DICOM objects in ``tests/dicom``.
"""

import csv
import json

import jsonschema
import nibabel as nib
import numpy as np
import pytest
import SimpleITK
import trimesh
from blobs import CENTRES_MM, blob_spine, grid_around
from PIL import Image
from scipy import ndimage

from spondyl.anatomy import NAMES
from spondyl.outputs import write_outputs
from spondyl.result import json_schema
from spondyl.volume import Volume

KINDS = ("totalsegmentator", "nrrd", "mrk", "csv", "stl", "ply", "gltf")
NAMED_MM = {NAMES[label]: np.array(centre) for label, centre in CENTRES_MM.items()}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    grid = grid_around((1.0, 1.2, 2.0), "PIR")
    scan = Volume(np.random.default_rng(1).integers(-100, 300, grid.shape).astype(np.int16), grid)
    path = tmp_path_factory.mktemp("readers") / "scan"
    write_outputs(blob_spine(grid), scan, path, also=KINDS)
    return path


def content_of(path):
    return json.loads(path.read_text("utf-8"))


@pytest.mark.parametrize("label", CENTRES_MM)
def test_nibabel_finds_the_vertebrae_in_both_kinds_of_masks(folder, label):
    whole = nib.load(folder / "mask.nii.gz")
    one = nib.load(folder / "segmentations" / f"vertebrae_{NAMES[label]}.nii.gz")
    inside = np.asarray(whole.dataobj) == label
    np.testing.assert_array_equal(np.asarray(one.dataobj) != 0, inside)
    np.testing.assert_array_equal(one.affine, whole.affine)
    found = nib.affines.apply_affine(whole.affine, ndimage.center_of_mass(inside))
    np.testing.assert_allclose(found, CENTRES_MM[label], atol=0.2)


@pytest.mark.parametrize("name", ["mask.nii.gz", "mask.seg.nrrd"])
def test_simpleitk_finds_the_vertebrae(folder, name):
    shapes = SimpleITK.LabelShapeStatisticsImageFilter()
    shapes.Execute(SimpleITK.ReadImage(str(folder / name), SimpleITK.sitkUInt8))
    assert set(shapes.GetLabels()) == set(CENTRES_MM)
    for label, centre in CENTRES_MM.items():
        np.testing.assert_allclose(np.array(shapes.GetCentroid(label)) * (-1, -1, 1), centre, atol=0.2)


def test_centroids_as_others_understand_them(folder):
    """VerSe counts voxels of the scan, Slicer LPS+ mm, the table RAS+ mm."""
    affine = nib.load(folder / "mask.nii.gz").affine
    header, *points = content_of(folder / "centroids.json")
    assert tuple(header["direction"]) == nib.aff2axcodes(affine)
    verse = {NAMES[p["label"]]: nib.affines.apply_affine(affine, [p[axis] for axis in "XYZ"]) for p in points}
    (markup,) = content_of(folder / "centroids.mrk.json")["markups"]
    assert markup["coordinateSystem"] == "LPS"
    slicer = {p["label"]: np.array(p["position"]) * (-1, -1, 1) for p in markup["controlPoints"]}
    with (folder / "centroids.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    table = {row["name"]: np.array([float(row[f"{axis}_mm"]) for axis in "xyz"]) for row in rows}
    for found in (verse, slicer, table):
        assert set(found) == set(NAMED_MM)
        for name, centre in NAMED_MM.items():
            np.testing.assert_allclose(found[name], centre, atol=1e-2)


def test_trimesh_finds_the_vertebrae(folder):
    scene = trimesh.load_scene(folder / "spine.glb")
    for name, centre in NAMED_MM.items():
        meshes = [trimesh.load_mesh(folder / kind / f"{name}.{kind}") for kind in ("stl", "ply")]
        for mesh in (*meshes, scene.geometry[name]):
            assert mesh.is_watertight
            np.testing.assert_allclose(mesh.center_mass, centre, atol=0.3)


def test_the_result_fits_its_published_schema_and_the_picture_opens(folder):
    jsonschema.Draft202012Validator(json_schema()).validate(content_of(folder / "result.json"))
    with Image.open(folder / "preview.png") as picture:
        picture.load()
        assert min(picture.size) > 400
