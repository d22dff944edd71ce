"""Outlines: filling them gives the mask back, holes and islands in holes included."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from spondyl.dicom.objects.contours import outlines


def filled(shape, contours):
    """Even-odd rule, pixel by pixel: how often a ray to the right of a pixel's centre is crossed."""
    inside = np.zeros(shape, bool)
    rows, columns = np.indices(shape)
    for contour in contours:
        crossed = np.zeros(shape, int)
        for (r0, c0), (r1, c1) in zip(contour, np.roll(contour, -1, 0), strict=True):
            if r0 == r1:
                continue
            spans = (r0 > rows) != (r1 > rows)
            crossed += spans & (c0 + (rows - r0) * (c1 - c0) / (r1 - r0) > columns)
        inside ^= crossed % 2 == 1
    return inside


@settings(max_examples=60, deadline=None)
@given(arrays(bool, array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=14), elements=st.booleans()))
def test_filling_gives_the_mask_back(mask):
    contours = outlines(mask)
    np.testing.assert_array_equal(filled(mask.shape, contours), mask)
    assert all(len(contour) >= 4 for contour in contours)


def test_a_ring_is_one_contour_with_a_keyhole():
    mask = np.zeros((20, 20), bool)
    mask[2:18, 2:18] = True
    mask[5:9, 5:9] = mask[11:15, 10:16] = False
    mask[12:14, 12:14] = True  # an island in a hole
    ring, island = sorted(outlines(mask), key=len, reverse=True)
    np.testing.assert_array_equal(filled(mask.shape, [ring, island]), mask)
    # Four sides with cut corners each: 8 points, and two for every cut.
    assert (len(ring), len(island)) == (8 + 2 * (8 + 2), 8)
    cuts = [tuple(point) for point in ring.tolist()]
    assert sum(cuts.count(point) == 2 for point in set(cuts)) == 4


def test_nothing_has_no_outline():
    assert outlines(np.zeros((3, 4), bool)) == []
