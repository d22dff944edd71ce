"""Overlap of two masks, per vertebra: Dice, and surface distances in world millimetres.

The surface of a label is the set of its voxels with a face towards another label or the edge of
the image, taken at the voxel centres. Distances are found by a k-d tree on world positions, so
anisotropic and oblique grids need no special care. A vertebra with an empty prediction has
Dice 0 and NSD 0, and no HD95.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage
from scipy.spatial import cKDTree

from spondyl.volume import Grid, Volume

__all__ = ["NSD_TOLERANCE_MM", "LevelOverlap", "overlap"]

NSD_TOLERANCE_MM = 3.0
"""Surface distance that still counts as right; TotalSegmentator's, so that numbers compare."""

BoolArray = npt.NDArray[np.bool_]
FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class LevelOverlap:
    """Overlap of one vertebra.

    Attributes:
        label: VerSe number.
        dice: 2 |A and B| / (|A| + |B|), 0-1.
        nsd: Normalised surface Dice, 0-1: share of both surfaces that lies within the tolerance
            of the other surface (Nikolov et al. 2021, with voxels as surface elements).
        hd95_mm: The larger of both directed 95th percentiles of surface distance; ``None`` if
            the prediction holds no such label.
    """

    label: int
    dice: float
    nsd: float
    hd95_mm: float | None


def overlap(
    truth: Volume, predicted: Volume | None, *, tolerance_mm: float = NSD_TOLERANCE_MM
) -> tuple[LevelOverlap, ...]:
    """Overlap of every label of the true mask.

    Args:
        truth: VerSe numbers.
        predicted: VerSe numbers; brought to the grid of the truth (nearest voxel) if it lies on
            another one; ``None`` is an empty mask.
        tolerance_mm: Of the normalised surface Dice.
    """
    if predicted is None:
        return tuple(LevelOverlap(int(label), 0.0, 0.0, None) for label in np.unique(truth.data) if label)
    if not predicted.grid.is_close(truth.grid):
        predicted = predicted.resampled(truth.grid, order=0)
    highest = max(int(truth.data.max(initial=0)), int(predicted.data.max(initial=0)))
    boxes_true = ndimage.find_objects(truth.data, highest)
    boxes_predicted = ndimage.find_objects(predicted.data, highest)
    results = []
    for label in range(1, highest + 1):
        box = boxes_true[label - 1]
        if box is None:
            continue
        box = _union(box, boxes_predicted[label - 1], truth.data.shape)
        grid = truth.grid.cropped([s.start for s in box], [s.stop for s in box])
        results.append(
            _compare(label, truth.data[box] == label, predicted.data[box] == label, grid, tolerance_mm)
        )
    return tuple(results)


def _union(
    box: tuple[slice, ...], other: tuple[slice, ...] | None, shape: tuple[int, ...]
) -> tuple[slice, slice, slice]:
    """The box around both boxes."""
    other = other or box
    i, j, k = (
        slice(max(min(a.start, b.start), 0), min(max(a.stop, b.stop), n))
        for a, b, n in zip(box, other, shape, strict=True)
    )
    return i, j, k


def _compare(label: int, true: BoolArray, found: BoolArray, grid: Grid, tolerance_mm: float) -> LevelOverlap:
    dice = 2 * int((true & found).sum()) / (int(true.sum()) + int(found.sum()))
    if not found.any():
        return LevelOverlap(label, dice, 0.0, None)
    surface_true, surface_found = _surface(true, grid), _surface(found, grid)
    to_found = cKDTree(surface_found).query(surface_true)[0]
    to_true = cKDTree(surface_true).query(surface_found)[0]
    near = int((to_found <= tolerance_mm).sum()) + int((to_true <= tolerance_mm).sum())
    hd95 = max(float(np.percentile(to_found, 95)), float(np.percentile(to_true, 95)))
    return LevelOverlap(label, dice, near / (len(to_found) + len(to_true)), hd95)


def _surface(area: BoolArray, grid: Grid) -> FloatArray:
    """World positions ``(n, 3)`` of the voxels of an area that have a face towards its outside."""
    inner = ndimage.binary_erosion(area)  # beyond the array counts as outside
    return grid.to_world(np.argwhere(area & ~inner))
