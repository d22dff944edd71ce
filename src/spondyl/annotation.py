"""From centroids to dense labels: every vertebra a tube along the spine.

As in McCouat & Glocker 2019: from the midpoint to the previous centroid through the own centroid
to the midpoint to the next one, swept by an axial disc of the vertebra's size.
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from spondyl.spine import Spine
from spondyl.volume import Grid, Volume

__all__ = ["dense_annotation", "tube_axis"]

FloatArray = npt.NDArray[np.float64]


def dense_annotation(spine: Spine, grid: Grid, sizes_mm: Mapping[int, float]) -> Volume:
    """Draw all vertebrae of a spine as tubes; lower vertebrae overwrite higher ones.

    A voxel belongs to a tube if its slice (one voxel thick) holds a point of the tube's axis whose
    distance within the slice is at most half the size. Slices are those of the array axis nearest
    to head-foot; voxels may be anisotropic.

    Args:
        spine: Any number of vertebrae; one alone is drawn upright and as high as wide.
        grid: The lattice to draw on; what lies outside is cut off.
        sizes_mm: Disc diameter by VerSe number.

    Returns:
        VerSe numbers, uint8, 0 = background.
    """
    data = np.zeros(grid.shape, np.uint8)
    axial = [code in "SI" for code in grid.codes].index(True)
    order = (*(axis for axis in range(3) if axis != axial), axial)
    spacing = np.array(grid.spacing_mm)[list(order)]
    points = grid.to_voxel(spine.centroids_mm)[:, list(order)] * spacing
    view = data.transpose(order)
    for place, vertebra in enumerate(spine):
        size = sizes_mm[vertebra.label]
        axis = tube_axis(points, place, size)
        for start, end in pairwise(axis):
            _draw_segment(view, start, end, size / 2, spacing, vertebra.label)
    return Volume(data, grid)


def tube_axis(points: FloatArray, place: int, size_mm: float) -> FloatArray:
    """The broken line along which a vertebra's disc is swept.

    Args:
        points: ``(n, 3)`` centroids in mm, head to foot, head-foot last.
        place: Which of them.
        size_mm: Length of the line of a lone vertebra.

    Returns:
        ``(3, 3)`` mm: upper end, centroid, lower end. At the ends of the spine the missing half
        mirrors the other.
    """
    centre = points[place]
    if len(points) == 1:
        half = np.array([0.0, 0.0, size_mm / 2])
        return np.array([centre + half, centre, centre - half])
    above = (points[place - 1] - centre) / 2 if place > 0 else None
    below = (points[place + 1] - centre) / 2 if place + 1 < len(points) else None
    if above is None:
        above = -below if below is not None else np.zeros(3)
    if below is None:
        below = -above
    return np.array([centre + above, centre, centre + below])


def _draw_segment(
    view: npt.NDArray[np.uint8],
    start: FloatArray,
    end: FloatArray,
    radius_mm: float,
    spacing: FloatArray,
    label: int,
) -> None:
    """Sweep an axial disc from one point to another, both in mm along the axes of ``view``."""
    box = _box(view.shape, start, end, radius_mm, spacing)
    if box is None:
        return
    x, y, z = (np.arange(s.start, s.stop) * step for s, step in zip(box, spacing, strict=True))
    first, last = _part_within_slices(start, end, z, spacing[2])
    inside = (first <= last)[None, None, :]
    # Within a slice the axis is a line from a to a + way; the nearest of its points decides.
    a = start[None, :2] + first[:, None] * (end - start)[None, :2]
    way = (last - first)[:, None] * (end - start)[None, :2]
    dx, dy = x[:, None, None] - a[:, 0], y[None, :, None] - a[:, 1]
    length = np.maximum((way**2).sum(1), 1e-12)
    along = np.clip((dx * way[:, 0] + dy * way[:, 1]) / length, 0, 1)
    squared = (dx - along * way[:, 0]) ** 2 + (dy - along * way[:, 1]) ** 2
    view[box][inside & (squared <= radius_mm**2)] = label


def _box(
    shape: Sequence[int], start: FloatArray, end: FloatArray, radius_mm: float, spacing: FloatArray
) -> tuple[slice, ...] | None:
    """The voxels a swept disc can reach, or ``None`` if it lies outside the array."""
    reach = np.array([radius_mm, radius_mm, spacing[2] / 2])
    low = np.ceil((np.minimum(start, end) - reach) / spacing - 1e-9).astype(int)
    high = np.floor((np.maximum(start, end) + reach) / spacing + 1e-9).astype(int) + 1
    low, high = np.maximum(low, 0), np.minimum(high, shape)
    if (low >= high).any():
        return None
    return tuple(slice(int(a), int(b)) for a, b in zip(low, high, strict=True))


def _part_within_slices(
    start: FloatArray, end: FloatArray, z: FloatArray, thickness: float
) -> tuple[FloatArray, FloatArray]:
    """Which part of a line, as shares 0-1 of its length, lies within each slice.

    Returns:
        First and last share per slice; first above last where the line misses the slice.
    """
    rise = end[2] - start[2]
    if abs(rise) < 1e-9:
        hit = np.abs(z - start[2]) <= thickness / 2
        return np.where(hit, 0.0, 1.0), np.where(hit, 1.0, 0.0)
    shares = ((z[:, None] + np.array([-0.5, 0.5]) * thickness) - start[2]) / rise
    shares.sort(axis=1)
    return np.maximum(shares[:, 0], 0.0), np.minimum(shares[:, 1], 1.0)
