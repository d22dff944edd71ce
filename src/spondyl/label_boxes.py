"""Where the labels of a mask lie, found in the order in which they lie in memory."""

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage

__all__ = ["label_boxes"]


def label_boxes(
    labels: npt.NDArray[Any], highest: int | None = None
) -> list[tuple[slice, slice, slice] | None]:
    """The smallest box around each label, as :func:`scipy.ndimage.find_objects` gives it.

    scipy walks along the last axis, which in a large scan from a NIfTI file is ten times slower than
    along the first; and most slices are empty.

    Args:
        labels: ``(i, j, k)`` whole numbers, 0 background.
        highest: How many labels to give boxes for; by default the highest there is.

    Returns:
        The box of label ``n`` at place ``n - 1``; ``None`` where no voxel has it.
    """
    axes = np.argsort([-abs(stride) for stride in labels.strides], kind="stable")
    turned = labels.transpose(axes)
    filled = np.flatnonzero([plane.any() for plane in turned])
    if not len(filled):
        return [None] * (highest or 0)
    first = int(filled[0])
    found = ndimage.find_objects(turned[first : int(filled[-1]) + 1], highest or 0)
    boxes: list[tuple[slice, slice, slice] | None] = []
    for box in found:
        if box is None:
            boxes.append(None)
            continue
        slow = slice(box[0].start + first, box[0].stop + first)
        i, j, k = ((slow, *box[1:])[place] for place in np.argsort(axes))
        boxes.append((i, j, k))
    return boxes
