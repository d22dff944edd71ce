"""Vertebrae that the border of the scan cuts, and vertebrae without a mask."""

from collections.abc import Iterator
from typing import Final

import numpy as np
import numpy.typing as npt

from spondyl.flag import Flag
from spondyl.io.masks import label_counts
from spondyl.quality.finding import Finding
from spondyl.spine import Spine
from spondyl.volume import Volume

__all__ = ["check_visibility"]

_LEAST_MM2: Final = 40.0  # of a cut face; less is a mask that just touches the border
_LEAST_SHARE: Final = 0.25
"""Of the neighbours' volume; real scans show 0.32 and more (cut ends, C1), and less where nothing is."""

_CUT: Final = Flag("partly_visible", "The border of the scan cuts this vertebra.")
_NO_MASK: Final = Flag("mask_missing", "No voxel of the mask belongs to this vertebra.")
_LITTLE_MASK: Final = Flag(
    "mask_missing", "Its mask is less than a quarter as large as its neighbours'; there may be no vertebra."
)


def check_visibility(spine: Spine, volume: Volume) -> Iterator[Finding]:
    """Masks that lie in the outermost voxels over more than 40 mm2, and masks that are small or not there."""
    if spine.mask is None:
        return
    data, spacing = spine.mask.data, volume.grid.spacing_mm
    cut = np.zeros(256)
    for axis in range(3):
        face_mm2 = float(np.prod(spacing)) / spacing[axis]
        for end in (0, -1):
            face = np.bincount(data[(slice(None),) * axis + (end,)].ravel(), minlength=256) * face_mm2
            cut = np.maximum(cut, face)
    counts = label_counts(data)[list(spine.labels)]
    for label, count, usual in zip(spine.labels, counts, _neighbours(counts), strict=True):
        if count == 0:
            yield Finding(_NO_MASK, label)
        elif count < _LEAST_SHARE * usual:
            yield Finding(_LITTLE_MASK, label)
        if cut[label] >= _LEAST_MM2:
            yield Finding(_CUT, label)


def _neighbours(counts: npt.NDArray[np.int64]) -> list[float]:
    """Mean of the vertebra above and the one below; 0 for a single one."""
    around = [counts[max(place - 1, 0) : place + 2] for place in range(len(counts))]
    return [
        (float(near.sum()) - own) / max(len(near) - 1, 1) for near, own in zip(around, counts, strict=True)
    ]
