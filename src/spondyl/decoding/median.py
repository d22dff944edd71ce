"""From labelled voxels to centroids, as the reference system does: count, threshold, median."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["LabelledRegion", "aggregate", "thresholds"]


@dataclass(frozen=True)
class LabelledRegion:
    """All voxels of one label.

    Attributes:
        label: The value in the volume.
        count: Number of voxels.
        median_vox: Median voxel index along each axis; the mean of the two middle ones where
            the count is even.
    """

    label: int
    count: int
    median_vox: tuple[float, float, float]


def thresholds(
    sizes_mm: Mapping[int, float],
    *,
    size_share: float = 0.4,
    min_voxels: float = 3000,
    spacing_mm: float = 1.0,
) -> dict[int, float]:
    """Number of voxels that each label must exceed: ``max(size_share * size**3, min_voxels)``.

    Args:
        sizes_mm: Label to the size of that vertebra.
        size_share: Share of the cube of the size.
        min_voxels: Least number, stated for voxels of 1 mm.
        spacing_mm: Voxel size; the numbers are scaled to the same volume in mm^3.
    """
    cube = spacing_mm**3
    return {label: max(size_share * size**3, min_voxels) / cube for label, size in sizes_mm.items()}


def aggregate(
    labels: npt.NDArray[np.uint8], minimum: Mapping[int, float]
) -> tuple[list[LabelledRegion], list[LabelledRegion]]:
    """Count each label's voxels and take their median position.

    Works on one histogram per axis, so its memory does not grow with the number of voxels.

    Args:
        labels: ``(x, y, z)``, 0 = background.
        minimum: Label to the count it must exceed, see :func:`thresholds`; other labels are kept
            whatever their count.

    Returns:
        The regions kept and the regions dropped, each by ascending label.
    """
    margins = [_margin(labels, axis) for axis in range(3)]
    counts = margins[0].sum(axis=0)
    kept: list[LabelledRegion] = []
    dropped: list[LabelledRegion] = []
    for label in np.flatnonzero(counts[1:]) + 1:
        x, y, z = (_median(margin[:, label]) for margin in margins)
        region = LabelledRegion(int(label), int(counts[label]), (x, y, z))
        (kept if region.count > minimum.get(region.label, 0) else dropped).append(region)
    return kept, dropped


def _margin(labels: npt.NDArray[np.uint8], axis: int) -> npt.NDArray[np.int64]:
    """``(size, 256)``: how often each label occurs in each plane across an axis."""
    return np.stack([np.bincount(plane.ravel(), minlength=256) for plane in np.moveaxis(labels, axis, 0)])


def _median(histogram: npt.NDArray[np.int64]) -> float:
    """Median of the integers that a histogram counts."""
    cumulative = np.cumsum(histogram)
    total = cumulative[-1]
    middle = np.searchsorted(cumulative, [(total - 1) // 2, total // 2], side="right")
    return float(middle.mean())
