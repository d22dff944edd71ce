"""The reference pipeline with networks whose answer is known: they read the label off the image."""

from itertools import permutations, product

import numpy as np
import pytest

from readers import CENTRES, NUMBERS, toy_scan
from spondyl.errors import ModelError
from spondyl.inference.spinefinder import SpinefinderPipeline
from spondyl.recipes.spinefinder import SpinefinderRecipe
from spondyl.volume import Grid, Volume

ORIENTATIONS = [
    "".join(ends[axis][side] for axis, side in zip(axes, sides, strict=True))
    for ends in [("RL", "AP", "SI")]
    for axes in permutations(range(3))
    for sides in product((0, 1), repeat=3)
]


class Reader:
    """A network that answers with what it sees: intensity = network target, 0 = background."""

    name, precision, device = "reader", "f32", "cpu"

    def __init__(self, stage, batch=1, offset=0.0):
        self.stage, self.batch, self.offset = stage, batch, offset
        self.shapes = []

    def __call__(self, x):
        self.shapes.append(x.shape)
        if self.stage == "detection":
            whole = sum(np.abs(x - number) < 0.01 for number in NUMBERS.values())
            return np.concatenate([np.full_like(x, 0.5), whole.astype(np.float32)], axis=1)
        return x[:, 4:5] + self.offset

    def run(self, x):
        return (self(x),)


def recipe(**changes):
    content = {
        "working": {"normalise": "fixed", "mean_hu": 0.0, "std_hu": 1.0},
        "aggregation": {"min_voxels": 500, "size_share": 0},
        **changes,
    }
    return SpinefinderRecipe.model_validate(content)


def pipeline(**changes):
    return SpinefinderPipeline(Reader("detection"), Reader("identification"), recipe(**changes))


def test_centroids_and_mask_are_exact():
    scan = toy_scan()
    spine = pipeline()(scan)
    assert spine.names == ("L1", "L2", "S1")
    for vertebra in spine:
        assert vertebra.centroid_mm == pytest.approx(CENTRES[vertebra.name])
    expected = np.array([0] * 20 + [20, 21, 0, 0, 0, 26])[scan.data]
    np.testing.assert_array_equal(spine.mask.data, expected)
    assert spine.mask.data.dtype == np.uint8
    assert spine.provenance["voxel_counts"]["L1"] == (scan.data == 20).sum()
    assert spine.provenance["tiling"]["padded_shape"] == [96, 96, 120]


def test_every_orientation_gives_the_same_world():
    spacing, offset = (0.8, 1.3, 2.5), np.array([-71.5, 13.25, 400.0])
    scan = Volume(toy_scan(spacing).data, toy_scan(spacing, origin=offset).grid)
    run = pipeline()
    reference = run(scan)
    assert reference.names == ("L1", "L2", "S1")
    np.testing.assert_allclose(reference.centroids_mm - offset, list(CENTRES.values()), atol=1.5)
    for codes in ORIENTATIONS:
        turned = scan.reoriented(codes)
        spine = run(turned)
        np.testing.assert_allclose(spine.centroids_mm, reference.centroids_mm, atol=1e-6)
        assert spine.mask.grid is turned.grid
        np.testing.assert_array_equal(spine.mask.reoriented("RAS").data, reference.mask.data)
    assert len(set(ORIENTATIONS)) == 48


def test_an_oblique_scan_gives_centroids_in_its_world():
    scan = toy_scan()
    angle = np.deg2rad(17)
    turn = np.eye(4)
    turn[:2, :2] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    spine = pipeline()(Volume(scan.data, Grid(scan.grid.shape, turn @ scan.grid.affine)))
    expected = np.array(list(CENTRES.values())) @ turn[:3, :3].T
    np.testing.assert_allclose(spine.centroids_mm, expected, atol=1e-6)
    assert (spine.mask.data > 0).sum() == (scan.data > 0).sum()


def test_slabs_are_padded_and_only_slices_with_detections_are_identified():
    identification = Reader("identification")
    run = SpinefinderPipeline(Reader("detection"), identification, recipe())
    run(toy_scan())
    assert set(identification.shapes) == {(1, 8, 48, 80)}
    assert len(identification.shapes) == 24  # x = 20..43, where a box lies


def test_batches_change_nothing():
    scan = toy_scan()
    one = pipeline()(scan)
    many = SpinefinderPipeline(Reader("detection", 5), Reader("identification", 7), recipe())(scan)
    np.testing.assert_array_equal(many.mask.data, one.mask.data)
    np.testing.assert_array_equal(many.centroids_mm, one.centroids_mm)


def test_voxels_at_the_rim_of_the_scan_count():
    """The reference loses the far edge (sizes 32k + 1, 32k + 2) and four slices on either side."""
    data = np.full((34, 33, 41), 20, np.int16)
    spine = pipeline()(Volume(data, Grid(data.shape, np.eye(4))))
    assert spine.names == ("L1",)
    assert (spine.mask.data == 20).all()


def test_the_working_orientation_of_the_recipe_is_free():
    scan = toy_scan()
    working = {"normalise": "fixed", "mean_hu": 0.0, "std_hu": 1.0, "orientation": "LPS"}
    np.testing.assert_allclose(
        pipeline(working=working)(scan).centroids_mm, pipeline()(scan).centroids_mm, atol=1e-6
    )


def test_nothing_detected_is_an_empty_spine():
    spine = pipeline()(Volume(np.zeros((20, 20, 20), np.int16), Grid((20, 20, 20), np.eye(4))))
    assert len(spine) == 0
    assert [flag.code for flag in spine.flags] == ["no_spine"]
    assert not spine.mask.data.any()


def test_what_is_too_small_is_flagged_and_left_out_of_the_mask():
    scan = toy_scan()
    spine = pipeline(aggregation={"min_voxels": 10**6, "size_share": 0})(scan)
    assert len(spine) == 0
    assert {flag.code for flag in spine.flags} == {"no_spine", "too_small"}
    assert not spine.mask.data.any()


@pytest.mark.parametrize("answer", [-3.0, 26.51, 300.0, np.nan, np.inf])
def test_numbers_of_no_label_are_background(answer):
    run = SpinefinderPipeline(
        Reader("detection"), Reader("identification", offset=np.float32(answer) - 20), recipe()
    )
    scan = toy_scan()
    only_l1 = Volume(np.where(scan.data == 20, scan.data, 0), scan.grid)
    assert len(run(only_l1)) == 0


def test_progress_reaches_the_end_of_both_stages():
    seen = []
    pipeline()(toy_scan(), progress=lambda *at: seen.append(at))
    assert (8, 8) in seen
    assert seen[-1] == (24, 24)


def test_a_model_of_another_recipe_is_refused():
    from types import SimpleNamespace

    model = SimpleNamespace(folder="m", info=SimpleNamespace(recipe={"name": "spondyl"}))
    with pytest.raises(ModelError, match="'spondyl' found"):
        SpinefinderPipeline.from_model(model)
