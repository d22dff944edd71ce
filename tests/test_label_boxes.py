"""Boxes of labels against scipy, in any memory order."""

import numpy as np
import pytest
from scipy import ndimage

from spondyl.label_boxes import label_boxes


@pytest.mark.parametrize("axes", [(0, 1, 2), (2, 1, 0), (1, 2, 0)])
@pytest.mark.parametrize("flip", [1, -1])
def test_boxes_are_those_of_scipy(axes, flip):
    labels = np.zeros((12, 9, 7), np.uint8)
    labels[2:5, 3:4, 1:6], labels[4:9, 0:9, 5:7], labels[11, 8, 6] = 3, 20, 1
    turned = labels.transpose(axes)[::flip]
    for highest in (None, 2, 28):
        assert label_boxes(turned, highest) == ndimage.find_objects(turned.copy(), highest or 0)


def test_nothing_has_no_box():
    assert label_boxes(np.zeros((3, 3, 3), np.uint8)) == []
    assert label_boxes(np.zeros((3, 3, 3), np.uint8), 2) == [None, None]
