"""Vertebrae that the border of the scan cuts, and vertebrae without a mask."""

from collections.abc import Iterator
from typing import Final

import numpy as np

from spondyl.flag import Flag
from spondyl.label_boxes import label_boxes
from spondyl.quality.finding import Finding
from spondyl.spine import Spine
from spondyl.volume import Volume

__all__ = ["check_visibility"]

_LEAST_MM2: Final = 40.0  # of a cut face; less is a mask that just touches the border

_CUT: Final = Flag("partly_visible", "The border of the scan cuts this vertebra.")
_NO_MASK: Final = Flag("mask_missing", "No voxel of the mask belongs to this vertebra.")


def check_visibility(spine: Spine, volume: Volume) -> Iterator[Finding]:
    """Masks that lie in the outermost voxels over more than 40 mm2, and masks that are not there."""
    if spine.mask is None:
        return
    data, spacing = spine.mask.data, volume.grid.spacing_mm
    cut = np.zeros(256)
    for axis in range(3):
        face_mm2 = float(np.prod(spacing)) / spacing[axis]
        for end in (0, -1):
            face = np.bincount(data[(slice(None),) * axis + (end,)].ravel(), minlength=256) * face_mm2
            cut = np.maximum(cut, face)
    boxes = label_boxes(data, max(spine.labels, default=1))
    for label in spine.labels:
        if boxes[label - 1] is None:
            yield Finding(_NO_MASK, label)
        elif cut[label] >= _LEAST_MM2:
            yield Finding(_CUT, label)
