"""Frames, angles and densities of shapes whose answer is known by construction."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spondyl.morphometry import measure
from spondyl.morphometry.frame import Frame, spine_directions
from spondyl.spine import Spine
from spondyl.volume import Grid, Volume

SPONGY, COMPACT, SOFT = 150, 1000, 40


def blocks(leans_deg, *, lean_axis=0, spacing=1.0, noise=0.0):
    """Elliptic cylinders with a compact layer and a rod for an arch, one above the other.

    Args:
        leans_deg: Lean of each to the right (axis 0) or to the front (1), head to foot.
    """
    n = len(leans_deg)
    grid = Grid.from_spacing((64, 84, 40 * n + 10), (spacing,) * 3)
    world = grid.to_world(np.stack(np.indices(grid.shape), axis=-1))
    hu = np.full(grid.shape, float(SOFT))
    mask = np.zeros(grid.shape, np.uint8)
    centroids = {}
    for i, lean in enumerate(leans_deg):
        centre = np.array([32.0, 56.0, 40 * (n - i) - 14.0])
        up = np.array([0.0, 0.0, np.cos(np.radians(lean))])
        up[lean_axis] = np.sin(np.radians(lean))
        frame = Frame.looking(centre, up, (0, 1, 0))
        u, v, w = np.moveaxis(frame.to_local(world), -1, 0)
        wall = (np.hypot(u / 20, v / 15) - 1) * 15
        body = np.maximum(wall, np.abs(w) - 12)
        arch = np.maximum(np.abs(u) - 4, np.maximum(np.abs(w) - 5, np.abs(v + 36) - 8))
        feet = np.maximum(np.abs(np.abs(u) - 14) - 3, np.maximum(np.abs(w) - 4, np.abs(v + 18) - 12))
        inside = np.minimum(np.minimum(body, arch), feet)
        hu += np.clip(0.5 - inside, 0, 1) * (COMPACT - hu)  # a voxel at the surface is half full
        hu += np.clip(-0.7 - body, 0, 1) * (SPONGY - hu)
        mask[inside < 0] = 20 + i
        centroids[20 + i] = centre
    if noise:
        hu += np.random.default_rng(0).normal(0, noise, hu.shape)
    return Volume(hu.astype(np.float32), grid), Spine.from_centroids(centroids, Volume(mask, grid))


def test_cylinders():
    volume, spine = blocks([0, 0, 0], noise=10)
    found = measure(volume, spine)
    row = found["L2"]
    for place in ("anterior", "middle", "posterior"):
        assert row[f"height_{place}"].value == pytest.approx(24, abs=0.8)
        assert found.disc("L1", "L2")[f"height_{place}"].value == pytest.approx(16, abs=0.8)
    assert row["depth"].value == pytest.approx(30, abs=1.5)
    assert row["width"].value == pytest.approx(40, abs=2)
    assert row["trabecular_hu"].value == pytest.approx(SPONGY, abs=2 * row["trabecular_hu"].uncertainty)
    assert row["trabecular_hu"].uncertainty < 3
    assert row["trabecular_hu"].remarks == ()
    assert found.angles["coronal_cobb"].value < 1
    assert [flag.code for flag in found.angles["coronal_cobb"].remarks][1] == "below_10_degrees"


def test_bright_vessel_is_remarked():
    volume, spine = blocks([0, 0])
    data = volume.data.copy()
    data[26:40, 72:84] = 250
    found = measure(Volume(data, volume.grid), spine)
    assert [flag.code for flag in found["L1"]["trabecular_hu"].remarks] == ["contrast"]


def test_lateral_curve():
    found = measure(*blocks([12, 0, -10]))
    cobb = found.angles["coronal_cobb"]
    assert cobb.value == pytest.approx(22, abs=1)
    (curve,) = found.curves
    assert (curve.upper, curve.lower, curve.convex) == (20, 22, "left")
    assert found.curves[0].angle == cobb


def test_curve_to_the_other_side():
    found = measure(*blocks([-12, 0, 10]))
    assert found.angles["coronal_cobb"].value == pytest.approx(22, abs=1)
    assert found.curves[0].convex == "right"


def test_lordosis():
    """L1 leans back, L5 to the front: the lower back is hollow."""
    found = measure(*blocks([-14, -6, 0, 6, 14], lean_axis=1))
    assert found.angles["lumbar_lordosis_l1_l5"].value == pytest.approx(28, abs=1.5)
    assert found.angles["lumbar_lordosis_l1_s1"].refused.code == "neighbour_missing"
    assert found.angles["thoracic_kyphosis_t4_t12"].refused.message.startswith("T4")


def test_endplates_that_are_not_seen_whole_make_no_angles():
    """In front of the middle block nothing tells bone from disc: no heights, and no curve either."""
    volume, spine = blocks([12, 0, -10])
    data = volume.data.copy()
    data[:, 60:, 40:90] = SOFT
    found = measure(Volume(data, volume.grid), spine)
    assert found["L2"]["height_middle"].refused.code == "endplate_incomplete"
    assert found.angles["coronal_cobb"].refused.code == "neighbour_missing"
    volume, spine = blocks([-14, -6, 0, 6, 14], lean_axis=1)
    for shown, code in ((60, None), (58, "endplate_incomplete")):  # most of L5's lower endplate, or less
        data = volume.data.copy()
        data[:, shown:, :50] = SOFT
        refused = measure(Volume(data, volume.grid), spine).angles["lumbar_lordosis_l1_l5"].refused
        assert (refused and refused.code) == code
    assert refused.message.startswith("L5: ")


def test_endplates_that_cross_are_given_up(monkeypatch):
    """Seen 17 mm too high, across a disc of 16 mm: which of both endplates is wrong, nobody knows."""
    from spondyl.morphometry import assemble

    seen = assemble.examine

    def examine(*words):
        found = seen(*words)
        if found.shape.label != 22:
            return found
        frame = replace(found.shape.frame, origin_mm=np.add(found.shape.frame.origin_mm, (0, 0, 17)))
        return replace(found, shape=replace(found.shape, frame=frame))

    monkeypatch.setattr(assemble, "examine", examine)
    found = measure(*blocks([0, 0, 0, 0]))
    refused = [row["height_anterior"].refused for row in found.vertebrae]
    assert [flag and flag.code for flag in refused] == [None, *["endplate_incomplete"] * 2, None]
    assert found.disc("L2", "L3")["height_anterior"].refused.code == "endplate_not_found"
    assert found.disc("L1", "L2")["height_anterior"].value == pytest.approx(16, abs=0.8)


@settings(deadline=None, max_examples=30)
@given(st.lists(st.floats(-1, 1), min_size=6, max_size=6))
def test_frames_are_right_handed_and_turn_back(numbers):
    up, front = np.add(numbers[:3], (0, 0, 3)), np.add(numbers[3:], (0, 3, 0))
    frame = Frame.looking((1, 2, 3), up, front)
    assert np.allclose(frame.axes.T @ frame.axes, np.eye(3))
    assert np.linalg.det(frame.axes) == pytest.approx(1)
    points = np.array([[1.0, -2, 3], [0, 0, 0]])
    assert np.allclose(frame.to_local(frame.to_world(points)), points)
    assert frame.front @ front > 0


def test_directions_of_a_straight_spine():
    spine = Spine.from_centroids({20: (0, 0, 60), 21: (0, 0, 30), 22: (0, 0, 0)})
    assert np.allclose(spine_directions(spine), [[0, 0, 1]] * 3)
    assert np.allclose(spine_directions(Spine.from_centroids({20: (0, 0, 0)})), [[0, 0, 1]])


def test_the_innermost_of_two_bright_layers_is_the_own_endplate():
    """The mask reaches to the middle of a thin disc; the neighbour's endplate is a little brighter."""
    from spondyl.morphometry.endplates import _innermost_crest

    w = np.arange(0, 20, 0.5)
    layers = 200 * np.exp(-0.5 * ((w - 10) / 0.8) ** 2) + 260 * np.exp(-0.5 * ((w - 13) / 0.8) ** 2)
    crest = np.broadcast_to(-np.gradient(np.gradient(layers)), (2, 1, len(w))).astype(np.float32).copy()
    crest[1] = 0
    place, seen = _innermost_crest(crest * 4, w, np.full((2, 1), 11.5))
    assert place[0, 0] == 10
    assert seen.ravel().tolist() == [True, False]
