"""The region of the second stage: found where the first is unsure, and longer where the spine goes on."""

import numpy as np
import pytest

from spondyl.inference.region import followed, locate
from spondyl.recipes.spondyl import SpondylRecipe
from spondyl.volume import Grid, Volume

SCAN = Grid.from_spacing((80, 80, 200), (3.0, 3.0, 3.0))
REGION = SCAN.cropped((20, 10, 80), (60, 70, 140))
T5, T9, C1, S2 = 12, 16, 1, 27


def spine(*heights):
    """Points in the middle of the scan at some slices of it."""
    return SCAN.to_world([(40, 40, height) for height in heights])


def heights(region):
    """First slice of the scan and the one behind the last."""
    first = int(np.rint(SCAN.to_voxel(region.to_world((0, 0, 0)))[2]))
    return first, first + region.shape[2]


@pytest.mark.parametrize(
    ("points", "labels", "expected"),
    [
        (spine(125, 95), (T5, T9), None),  # ends in the region, far enough from where it ends
        (spine(132, 95), (T5, T9), (80, 190)),
        (spine(125, 86), (T5, T9), (30, 140)),
        (spine(132, 86), (T5, T9), (30, 190)),
        (spine(132, 86), (C1, S2), None),
        (np.zeros((0, 3)), (), None),
    ],
)
def test_followed_where_the_spine_comes_near_the_end_of_the_region(points, labels, expected):
    longer = followed(REGION, SCAN, points, labels)
    assert (longer and heights(longer)) == expected
    if longer:
        assert longer.shape[:2] == REGION.shape[:2]
        assert longer.contains(REGION.to_world([(0, 0, 0), np.array(REGION.shape) - 1])).all()


def test_followed_to_the_end_of_the_scan_only():
    whole = SCAN.cropped((20, 10, 0), (60, 70, 200))
    assert followed(whole, SCAN, spine(199, 1), (T5, T9)) is None
    nearly = SCAN.cropped((20, 10, 4), (60, 70, 200))
    assert heights(followed(nearly, SCAN, spine(199, 6), (T5, T9))) == (0, 200)


@pytest.mark.parametrize(("heat", "seen"), [(0.9, True), (0.15, True), (0.08, False)])
def test_an_unsure_network_is_taken_at_its_best(heat, seen):
    def network(x):
        logits = np.full((1, 2, *x.shape[2:]), -9.0, np.float32)
        logits[0, 1, 8, 8, 12] = np.log(heat / (1 - heat))
        logits[0, 1, 8, 8, 20] = np.log(0.7 * heat / (1 - 0.7 * heat))
        return (logits,)

    scan = Volume(np.zeros(SCAN.shape, np.int16), SCAN)
    region = locate(scan, network, SpondylRecipe())
    assert (region is not None) == seen
    if region:
        coarse = SCAN.resampled(4.5)
        assert region.contains(coarse.to_world([(8, 8, 12), (8, 8, 20)])).all()
        assert region.shape[2] < SCAN.shape[2]
