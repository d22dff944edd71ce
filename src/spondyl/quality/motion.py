"""Jumps between neighbouring slices: the patient moved, or slices are missing."""

from collections.abc import Iterator
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from spondyl.flag import Flag
from spondyl.quality.finding import Finding
from spondyl.quality.region import around_spine
from spondyl.spine import Spine
from spondyl.volume import Volume

__all__ = ["check_motion", "largest_jump"]

_MOST: Final = 1.6
"""Change from slice to slice against the third largest nearby. Below 1.4 in 28 of 30 real scans, 1.6 in all;
1.5 to 5.6 once the upper half is shifted by 8 mm, and above this limit then in three scans of four."""

_MARGIN_MM: Final = 40.0
_PIXEL_MM: Final = 2.0
_WINDOW_HU: Final = (-200.0, 150.0)  # soft tissue; endplates must not look like jumps
_NEARBY_MM: Final = 45.0  # to either side: more than one vertebra, since every endplate is a change
_ENDS: Final = 3  # slices at either end that are not looked at: padding, half reconstructed slices
_LEAST_SLICES: Final = 12


def check_motion(spine: Spine, volume: Volume) -> Iterator[Finding]:
    """A slice that differs from the one below it far more than others nearby do."""
    jump, height_mm = largest_jump(spine, volume)
    if jump <= _MOST:
        return
    nearest = min(spine, key=lambda vertebra: abs(vertebra.centroid_mm[2] - height_mm))
    yield Finding(
        Flag("motion", "The scan jumps at this height: the patient moved, or slices are missing."),
        nearest.label,
    )


def largest_jump(spine: Spine, volume: Volume) -> tuple[float, float]:
    """Largest change between neighbouring axial slices against those nearby.

    Returns:
        The ratio, 1 where too little is shown, and its height in the world (mm).
    """
    if len(spine) == 0:
        return 1.0, 0.0
    part = around_spine(spine, volume, _MARGIN_MM)
    if part.grid.shape[2] < _LEAST_SLICES:
        return 1.0, 0.0
    change, shown = _changes(part)
    used = np.flatnonzero(shown > 0.1 * shown.max())
    if len(used) < _LEAST_SLICES:
        return 1.0, 0.0
    change = change[used]
    reach = max(round(_NEARBY_MM / part.grid.spacing_mm[2]), 4)
    least = max(0.5 * float(np.median(change)), 1.0)
    ratios = np.ones(len(change))
    for place in range(_ENDS, len(change) - _ENDS):
        start = int(np.clip(place - reach, 0, max(len(change) - 2 * reach, 0)))  # as many at the ends
        others = np.delete(change[start : start + 2 * reach + 1], place - start)
        ratios[place] = change[place] / max(float(np.partition(others, -3)[-3]), least)
    worst = int(ratios.argmax())
    height = part.grid.to_world((0, 0, used[worst] + 0.5))[2]
    return float(ratios[worst]), float(height)


def _changes(part: Volume) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Mean change of body pixels between neighbouring slices, and how many pixels that is."""
    steps = [max(round(_PIXEL_MM / step), 1) for step in part.grid.spacing_mm[:2]]
    low, high = _WINDOW_HU
    count = part.grid.shape[2] - 1
    change, shown = np.zeros(count, np.float32), np.zeros(count, np.float32)
    before = None
    for k in range(count + 1):
        picture = np.clip(part.data[:, :, k], low, high).astype(np.float32)
        picture = ndimage.uniform_filter(picture, steps)[:: steps[0], :: steps[1]]
        if before is not None:
            body = (picture > low + 10) & (before > low + 10)
            shown[k - 1] = body.sum()
            change[k - 1] = np.abs(picture - before)[body].mean() if body.any() else 0
        before = picture
    return change, shown
