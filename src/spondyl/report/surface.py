"""Curved cuts: the sagittal or coronal surface that follows a spine, flattened into a picture.

A flat sagittal slice leaves a scoliotic spine after a few vertebrae. The sagittal surface here is
``x = f(z)``: at every height it lies where the spine is, and y and z are not distorted; the coronal
one is ``y = g(z)``. Both keep millimetres square, whatever the orientation and spacing of the scan.
"""

from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from scipy import ndimage
from scipy.interpolate import PchipInterpolator

from spondyl.volume import Grid, Volume

__all__ = ["Plane", "Surface", "cut", "extent_of", "guide_of", "sample", "view_box", "without_air"]

Plane = Literal["sagittal", "coronal"]
FloatArray = npt.NDArray[np.float64]

AIR_HU = -1024.0
"""Shown where the surface leaves the scan."""

MOST_PIXELS = 1400
"""Longer side of the largest picture; a larger box gets larger pixels."""

_AIR_AT_MOST_HU = -500.0
_AIR_MM = 4.0  # left above and below the patient

LEAST_MM = 40.0
"""Smallest side of what is shown."""


@dataclass(frozen=True, eq=False)
class Surface:
    """A flattened cut.

    Attributes:
        plane: ``"sagittal"``: columns run along y; ``"coronal"``: along x.
        image: ``(rows, columns)`` HU, row 0 at the feet.
        labels: ``(rows, columns)`` VerSe numbers, or ``None`` without a mask.
        extent_mm: Edges of the picture in world mm: first column, last column, first row, last row.
        depth_mm: ``(rows,)`` where the surface lies: world x (sagittal) or y (coronal) of each row.
    """

    plane: Plane
    image: npt.NDArray[np.float32]
    labels: npt.NDArray[np.uint8] | None
    extent_mm: tuple[float, float, float, float]
    depth_mm: FloatArray

    def project(self, points_mm: npt.ArrayLike) -> FloatArray:
        """World points ``(n, 3)`` to ``(n, 2)``: position across and height, mm."""
        points = np.asarray(points_mm, float).reshape(-1, 3)
        return points[:, [1 if self.plane == "sagittal" else 0, 2]]


def extent_of(grid: Grid) -> FloatArray:
    """World box ``(2, 3)``: smallest and largest x, y, z of the voxel edges."""
    ends = np.array(np.meshgrid(*[(-0.5, n - 0.5) for n in grid.shape])).reshape(3, -1).T
    corners = grid.to_world(ends)
    return np.array([corners.min(axis=0), corners.max(axis=0)])


def view_box(
    grid: Grid, guide_mm: FloatArray, *, margin_mm: tuple[float, float, float] = (85, 85, 120)
) -> FloatArray:
    """World box ``(2, 3)`` worth showing: the scan, at most ``margin_mm`` around the points ``(n, 3)``.

    At least :data:`LEAST_MM` along every axis, so that a few slices still make a picture.
    """
    low, high = extent_of(grid)
    if len(guide_mm):
        near_low = np.maximum(low, guide_mm.min(axis=0) - margin_mm)
        near_high = np.minimum(high, guide_mm.max(axis=0) + margin_mm)
        # Points far outside their scan are an error upstream; the picture must not fail over it.
        if (near_high - near_low > 0).all():
            low, high = near_low, near_high
    lack = np.maximum(LEAST_MM - (high - low), 0) / 2
    return np.array([low - lack, high + lack])


def cut(
    volume: Volume,
    guide_mm: FloatArray,
    plane: Plane,
    box: FloatArray,
    *,
    mask: Volume | None = None,
    slab_mm: float = 4.0,
) -> Surface:
    """Sample the surface through the points of a spine.

    Args:
        volume: A CT, any orientation and spacing.
        guide_mm: World points ``(n, 3)`` to follow, e.g. centroids; without any the cut goes
            through the middle of the box.
        plane: Which surface.
        box: World box ``(2, 3)`` to show.
        mask: Labels on any grid, cut alike (nearest voxel, no averaging).
        slab_mm: Thickness averaged across the surface; calms noise.
    """
    across, depth = (1, 0) if plane == "sagittal" else (0, 1)
    pixel_mm = max(0.5, min(volume.grid.spacing_mm) / 2, (box[1] - box[0]).max() / MOST_PIXELS)
    columns = _centres(box[0, across], box[1, across], pixel_mm)
    rows = _centres(box[0, 2], box[1, 2], pixel_mm)
    points = np.empty((len(rows), len(columns), 3))
    points[..., across] = columns
    points[..., 2] = rows[:, None]
    curve = _curve(guide_mm, depth, rows, box)
    points[..., depth] = curve[:, None]
    offset = np.zeros(3)
    shifts = np.linspace(-slab_mm / 2, slab_mm / 2, 5) if slab_mm > 0 else [0.0]
    image = np.zeros(points.shape[:2], np.float32)
    for shift in shifts:
        offset[depth] = shift
        image += sample(volume, points + offset, 1, AIR_HU) / len(shifts)
    labels = None if mask is None else sample(mask, points, 0, 0).astype(np.uint8)
    low, high = box
    extent = (float(low[across]), float(high[across]), float(low[2]), float(high[2]))
    return Surface(plane, image, labels, extent, curve)


def without_air(*surfaces: Surface) -> tuple[Surface, ...]:
    """Surfaces of one height without the rows, above and below, in which none shows anything but air.

    At least :data:`LEAST_MM` is left.
    """
    shown = np.any([surface.image.max(axis=1) > _AIR_AT_MOST_HU for surface in surfaces], axis=0)
    rows = np.flatnonzero(shown)
    _, _, foot, head = surfaces[0].extent_mm
    height = (head - foot) / len(shown)
    margin = round(_AIR_MM / height)
    first = max(int(rows[0]) - margin, 0) if len(rows) else 0
    stop = min(int(rows[-1]) + 1 + margin, len(shown)) if len(rows) else len(shown)
    if (stop - first) * height < LEAST_MM:
        return surfaces
    return tuple(
        replace(
            surface,
            image=surface.image[first:stop],
            labels=None if surface.labels is None else surface.labels[first:stop],
            extent_mm=(*surface.extent_mm[:2], foot + first * height, foot + stop * height),
        )
        for surface in surfaces
    )


def guide_of(mask: Volume, *, step_mm: float = 15.0) -> FloatArray:
    """Points ``(n, 3)`` up the middle of a mask, one per ``step_mm`` of height: a spine without centroids."""
    voxels = np.argwhere(mask.data)
    if len(voxels) == 0:
        return np.zeros((0, 3))
    points = mask.grid.to_world(voxels)
    floor = np.floor(points[:, 2] / step_mm)
    medians = [np.median(points[floor == level], axis=0) for level in np.unique(floor)]
    return np.array(medians)


def _centres(low: float, high: float, pixel_mm: float) -> FloatArray:
    """Pixel centres that fill low..high exactly, with pixels of about the given size."""
    count = max(round((high - low) / pixel_mm), 1)
    return np.asarray(low + (high - low) / count * (np.arange(count) + 0.5))


def _curve(points: FloatArray, depth: int, rows: FloatArray, box: FloatArray) -> FloatArray:
    """World coordinate ``depth`` of the surface at each height; constant beyond the last point.

    Points at one height (possible in a wrong prediction) are averaged, so that the curve
    stays a function of the height.
    """
    if len(points) == 0:
        return np.full(len(rows), box[:, depth].mean())
    heights, which = np.unique(np.round(points[:, 2], 1), return_inverse=True)
    values = np.bincount(which, points[:, depth]) / np.bincount(which)
    if len(heights) == 1:
        return np.full(len(rows), values[0])
    curve = PchipInterpolator(heights, values)
    return np.asarray(curve(np.clip(rows, heights[0], heights[-1])))


def sample(volume: Volume, points_mm: FloatArray, order: int = 1, fill: float = AIR_HU) -> npt.NDArray[Any]:
    """Values at world points ``(rows, columns, 3)``: order 1 linear, 0 nearest; outside the scan ``fill``."""
    voxels = np.moveaxis(volume.grid.to_voxel(points_mm), -1, 0)
    kind = np.float32 if order else volume.data.dtype
    values = ndimage.map_coordinates(volume.data, voxels, kind, order, mode="nearest", prefilter=False)
    for axis, size in zip(voxels, volume.grid.shape, strict=True):
        values[(axis < -0.5) | (axis > size - 0.5)] = fill
    return np.asarray(values)
