"""The reference aggregation on volumes whose answer is known."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spondyl.decoding.median import LabelledRegion, aggregate, thresholds


def test_blocks_give_their_centres_and_counts():
    labels = np.zeros((20, 30, 40), np.uint8)
    labels[2:5, 10:21, 30:40] = 7
    labels[10:14, 0:1, 5:8] = 20
    kept, dropped = aggregate(labels, {})
    assert dropped == []
    assert kept == [
        LabelledRegion(7, 3 * 11 * 10, (3.0, 15.0, 34.5)),
        LabelledRegion(20, 12, (11.5, 0.0, 6.0)),
    ]


def test_the_count_must_exceed_the_threshold():
    labels = np.zeros((10, 10, 10), np.uint8)
    labels[:5, :2, 0] = 3
    labels[:5, :2, 5] = 4
    kept, dropped = aggregate(labels, {3: 10, 4: 9.9})
    assert [r.label for r in kept] == [4]
    assert [r.label for r in dropped] == [3]


def test_the_median_ignores_far_islands():
    labels = np.zeros((50, 10, 10), np.uint8)
    labels[10:13] = 5
    labels[49, 0, 0] = 5
    kept, _ = aggregate(labels, {})
    assert kept[0].median_vox == pytest.approx((11.0, 4.5, 4.5), abs=0.5)
    assert kept[0].median_vox[0] == 11.0


def test_nothing_labelled_gives_nothing():
    assert aggregate(np.zeros((4, 5, 6), np.uint8), {}) == ([], [])


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 2**32 - 1), st.tuples(*[st.integers(1, 9)] * 3))
def test_agrees_with_numpy_on_noise(seed, shape):
    labels = np.random.default_rng(seed).choice(np.array([0, 0, 1, 2, 28], np.uint8), size=shape)
    kept, _ = aggregate(labels, {})
    assert [r.label for r in kept] == [v for v in np.unique(labels) if v]
    for region in kept:
        points = np.argwhere(labels == region.label)
        assert region.count == len(points)
        np.testing.assert_array_equal(region.median_vox, np.median(points, axis=0))


def test_thresholds_of_the_reference():
    minimum = thresholds({1: 14.0, 8: 19.3, 17: 32.0})
    assert minimum == pytest.approx({1: 3000, 8: 3000, 17: 0.4 * 32**3})


def test_thresholds_are_volumes_not_counts():
    assert thresholds({1: 14.0}, spacing_mm=2.0) == {1: 375}
