"""Dice and surface distances: by hand, and against SimpleITK."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spondyl.evaluation import evaluate
from spondyl.evaluation.overlap import overlap, surface
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
    """A cube of 6 voxels, 1 x 1 x 2.5 mm, moved by 2 voxels along z."""
    true, found = (volume(box((4, 4, z), (10, 10, z + 6)), (1, 1, 2.5)) for z in (4, 6))
    (row,) = overlap(true, found, tolerance_mm=4.9)
    assert row.dice == pytest.approx(4 / 6)
    assert row.hd95_mm == pytest.approx(5)
    # Beyond the tolerance: one end face of each, 5 x 5 points of 1 mm², 20 on its edges, 4 corners.
    level, upright, corner = np.hypot(1, 2.5) / 2, np.hypot(2.5, 2.5) / 2, np.sqrt(2 * 2.5**2 + 1) / 4
    far = 25 + 20 * level + 4 * corner
    whole = 2 * 25 + 4 * 25 * 2.5 + 40 * level + 20 * upright + 8 * corner
    assert 1 - row.nsd == pytest.approx(far / whole)
    assert overlap(true, found, tolerance_mm=5.0)[0].nsd == 1


@pytest.mark.parametrize("spacing", [(1, 1, 1), (0.5, 1, 3)])
def test_area_of_flat_faces(spacing):
    """Exact but for edges and corners, which are bevelled by less than a voxel."""
    grid = Grid.from_spacing((60, 60, 60), spacing, "PIR")
    inside = box((10, 10, 10), (50, 50, 50), shape=(60, 60, 60)) > 0
    _, area = surface(inside, grid)
    x, y, z = 40 * np.array(spacing)
    assert area.sum() == pytest.approx(2 * (x * y + y * z + z * x), rel=0.03)


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
    """A blob and a disturbed copy."""
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

    # Distances by ITK's exact map (Danielsson's is up to 0.4 mm off) on the lattice of voxel corners;
    # areas and shares by plain loops.
    borders = [corner_areas(mask, spacing) for mask in masks]
    distances = []
    for here, other in (borders, borders[::-1]):
        image = sitk.GetImageFromArray((other >= 0).astype(np.uint8).transpose(2, 1, 0))
        image.SetSpacing(spacing)
        far = sitk.GetArrayFromImage(sitk.SignedMaurerDistanceMap(image, False, False, True))
        far = np.maximum(far.transpose(2, 1, 0), 0)  # negative inside
        distances.append(sorted((far[at], here[at]) for at in zip(*np.nonzero(here >= 0), strict=True)))
    near = sum(area for side in distances for d, area in side if d <= 3.0001)
    assert row.nsd == pytest.approx(near / sum(area for side in distances for _, area in side), abs=2e-3)
    assert row.hd95_mm == pytest.approx(max(map(naive_95, distances)), abs=0.02)


def corner_areas(mask, spacing):
    """Area at every voxel corner, -1 where the surface does not pass; loops, from the definition."""
    padded = np.pad(mask.astype(float), 1)
    areas = np.full(np.array(padded.shape) - 1, -1.0)
    faces = np.prod(spacing) / np.array(spacing)
    for at in np.ndindex(areas.shape):
        cell = padded[at[0] : at[0] + 2, at[1] : at[1] + 2, at[2] : at[2] + 2]
        if 0 < cell.sum() < 8:
            difference = [cell[1].mean() - cell[0].mean()]
            difference += [cell[:, 1].mean() - cell[:, 0].mean(), cell[..., 1].mean() - cell[..., 0].mean()]
            areas[at] = np.linalg.norm(difference * faces)
    return areas


def naive_95(side):
    """Walk up the distances until 95 % of the area is passed."""
    passed, whole = 0.0, sum(area for _, area in side)
    for distance, area in side:
        passed += area
        if passed >= 0.95 * whole:
            return distance
    raise AssertionError


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
