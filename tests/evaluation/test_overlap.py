"""Dice and surface distances: by hand, and against SimpleITK."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spondyl.evaluation import evaluate
from spondyl.evaluation.overlap import overlap
from spondyl.spine import Spine
from spondyl.volume import Grid, Volume
from strategies import orientations


def volume(data, spacing=(1, 1, 1), codes="RAS"):
    return Volume(data.astype(np.uint8), Grid.from_spacing(data.shape, spacing, codes))


def box(start, stop, label=20, shape=(24, 24, 24)):
    data = np.zeros(shape)
    data[tuple(slice(a, b) for a, b in zip(start, stop, strict=True))] = label
    return data


def test_identical_masks():
    (row,) = overlap(volume(box((4, 4, 4), (9, 9, 9))), volume(box((4, 4, 4), (9, 9, 9))))
    assert (row.label, row.dice, row.nsd, row.hd95_mm) == (20, 1, 1, 0)


def test_shifted_box_by_hand():
    """A cube of 6 moved by 2 voxels of 2.5 mm along z."""
    true, found = (volume(box((4, 4, z), (10, 10, z + 6)), (1, 1, 2.5)) for z in (4, 6))
    (row,) = overlap(true, found, tolerance_mm=4.9)
    assert row.dice == pytest.approx(4 / 6)
    assert row.hd95_mm == pytest.approx(5)
    # Of 152 surface voxels per cube, the 16 inner ones of the far face are 5 mm from the other
    # surface, and so is the rim of that face; the rest of its last two layers is nearer.
    assert 0.5 < row.nsd < 1
    assert overlap(true, found, tolerance_mm=5.0)[0].nsd == 1


def test_label_that_was_not_predicted():
    (row,) = overlap(volume(box((4, 4, 4), (9, 9, 9))), volume(box((4, 4, 4), (9, 9, 9), label=21)))
    assert (row.dice, row.nsd, row.hd95_mm) == (0, 0, None)


def test_invented_label_is_in_no_overlap():
    found = box((4, 4, 4), (9, 9, 9)) + box((12, 12, 12), (15, 15, 15), label=21)
    assert [row.label for row in overlap(volume(box((4, 4, 4), (9, 9, 9))), volume(found))] == [20]


def test_mask_at_the_edge_of_the_image():
    (row,) = overlap(volume(box((0, 0, 0), (5, 5, 5))), volume(box((0, 0, 0), (5, 5, 6))))
    assert row.dice == pytest.approx(2 * 125 / 275)
    assert row.hd95_mm == pytest.approx(1)


def random_masks(seed):
    """A blob and a disturbed copy, clear of the edge (which ITK does not count as surface)."""
    rng = np.random.default_rng(seed)
    grid = np.stack(np.meshgrid(*[np.arange(34)] * 3, indexing="ij"))

    def blob(centre, radii):
        return (((grid - np.reshape(centre, (3, 1, 1, 1))) / np.reshape(radii, (3, 1, 1, 1))) ** 2).sum(0) < 1

    centre, radii = rng.uniform(14, 19, 3), rng.uniform(3, 7, 3)
    return blob(centre, radii), blob(centre + rng.normal(0, 1.5, 3), radii * rng.uniform(0.8, 1.2, 3))


@settings(deadline=None, max_examples=15)
@given(st.integers(0, 10**6))
def test_against_simpleitk(seed):
    sitk = pytest.importorskip("SimpleITK")
    spacing = tuple(np.random.default_rng(seed).uniform(0.6, 3, 3))
    masks = [mask.astype(np.uint8) for mask in random_masks(seed)]
    images = [sitk.GetImageFromArray(mask.transpose(2, 1, 0)) for mask in masks]
    for image in images:
        image.SetSpacing(spacing)
    (row,) = overlap(volume(masks[0] * 20, spacing), volume(masks[1] * 20, spacing))
    measures = sitk.LabelOverlapMeasuresImageFilter()
    measures.Execute(*images)
    assert row.dice == pytest.approx(measures.GetDiceCoefficient())

    # Distances from one surface to the other by ITK's distance map, percentiles by numpy.
    borders = [sitk.LabelContour(image, fullyConnected=False) for image in images]
    maps = [sitk.SignedMaurerDistanceMap(b, squaredDistance=False, useImageSpacing=True) for b in borders]
    distances = [
        np.abs(sitk.GetArrayFromImage(maps[1 - side]))[sitk.GetArrayFromImage(borders[side]) > 0]
        for side in (0, 1)
    ]
    expected = max(np.percentile(d, 95) for d in distances)
    assert row.hd95_mm == pytest.approx(expected, abs=1e-3)
    near = sum((d <= 3 + 1e-4).sum() for d in distances) / sum(d.size for d in distances)
    assert row.nsd == pytest.approx(near, abs=1e-6)


@settings(deadline=None, max_examples=15)
@given(st.integers(0, 10**6), orientations)
def test_storage_order_changes_nothing(seed, codes):
    true, found = (volume(mask * 20, (1, 1.5, 2.5)) for mask in random_masks(seed))
    (expected,) = overlap(true, found)
    (turned,) = overlap(true.reoriented(codes), found.reoriented(codes))
    (mixed,) = overlap(true, found.reoriented(codes))
    for row in (turned, mixed):
        assert row.dice == pytest.approx(expected.dice)
        assert row.nsd == pytest.approx(expected.nsd)
        assert row.hd95_mm == pytest.approx(expected.hd95_mm)


def masked(data):
    mask = volume(data)
    return Spine.from_centroids({20: (6, 6, 6)}, mask)


def test_missing_masks_count_as_empty_once_there_are_masks():
    truth = masked(box((4, 4, 4), (9, 9, 9)))
    bare = Spine.from_centroids({20: (6, 6, 6)})
    both = evaluate([("a", truth, truth), ("b", truth, None), ("c", truth, bare)], resamples=0).summary
    assert both["dice"].value == pytest.approx(1 / 3)
    assert both["nsd"].value == pytest.approx(1 / 3)
    assert both["hd95"].value == 0
    assert both["hd95_undefined"].value == 2
    assert evaluate([("c", truth, bare)], resamples=0).summary["dice"].value is None
