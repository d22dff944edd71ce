"""Interpolation between two lattices: fast where their axes are parallel, by scipy where they are not.

Nothing here makes a float copy of the source: a whole-body CT as float32 takes 2 GB.
"""

from typing import Any, Final

import numpy as np
import numpy.typing as npt
from scipy import ndimage

__all__ = ["block_means", "interpolate"]

_TOLERANCE: Final = 1e-6
"""Voxels: closer to the border than this is inside."""

Array = npt.NDArray[Any]
FloatArray = npt.NDArray[np.float64]


def interpolate(
    source: Array, matrix: FloatArray, shape: tuple[int, int, int], *, order: int, fill: float
) -> Array:
    """Values of ``source`` at the voxels of another lattice.

    Args:
        source: ``(i, j, k)``.
        matrix: 4 x 4, from indices of the result to (fractional) indices of ``source``.
        shape: Of the result.
        order: 1 linear, 0 nearest.
        fill: Value outside the source; its outer half voxels are inside and repeat the edge.

    Returns:
        float32 for order 1, the source's own type for order 0.
    """
    linear, offset = matrix[:3, :3], matrix[:3, 3]
    parallel = np.abs(linear - np.diag(np.diag(linear))).max() < 1e-9
    if parallel and order == 1:
        return _along_axes(source, np.diag(linear), offset, shape, fill)
    dtype = np.dtype(np.float32) if order else source.dtype
    data: Array = ndimage.affine_transform(
        source,
        np.diag(linear) if parallel else linear,  # scipy needs half the time on a diagonal
        offset,
        shape,
        dtype,
        order,
        mode="nearest",
        prefilter=False,
    )
    _fill_outside(data, matrix, source.shape, fill)
    return data


def block_means(source: Array, factors: tuple[int, int, int]) -> Array:
    """Means over blocks of voxels; the last block of an axis may be smaller.

    Args:
        source: ``(i, j, k)``.
        factors: Voxels per block along each axis.

    Returns:
        Each axis as long as its number of blocks; int16 of int16, rounded, since half a scan of floats
        would be as large as the scan; else float32.
    """
    slow = int(np.argmax(np.abs(source.strides)))
    axes = [slow, *(axis for axis in range(3) if axis != slow)]
    turned = source.transpose(axes)
    starts = [np.arange(0, n, factors[axis]) for n, axis in zip(turned.shape, axes, strict=True)]
    counts = [np.diff([*start, n]) for start, n in zip(starts, turned.shape, strict=True)]
    whole = source.dtype == np.int16
    result: Array = np.empty([len(start) for start in starts], np.int16 if whole else np.float32)
    for index, (first, count) in enumerate(zip(starts[0], counts[0], strict=True)):
        plane = turned[first : first + count].sum(axis=0, dtype=np.float32)
        plane = np.add.reduceat(np.add.reduceat(plane, starts[1], axis=0), starts[2], axis=1)
        plane /= count * counts[1][:, np.newaxis] * counts[2]
        result[index] = np.rint(plane) if whole else plane
    return result.transpose(np.argsort(axes))


def _along_axes(
    source: Array, scale: FloatArray, offset: FloatArray, shape: tuple[int, int, int], fill: float
) -> npt.NDArray[np.float32]:
    """Linear, one axis after the other, slice by slice along the axis that is slowest in memory.

    Several times faster than scipy's general interpolation, which weighs eight voxels for each.
    """
    slow = int(np.argmax(np.abs(source.strides)))
    axes = [slow, *(axis for axis in range(3) if axis != slow)]
    places = [offset[axis] + scale[axis] * np.arange(shape[axis]) for axis in axes]
    turned = source.transpose(axes)
    (low, high, weight), rows, columns = (
        _neighbours(place, size) for place, size in zip(places, turned.shape, strict=True)
    )
    box = tuple(slice(int(first.min()), int(last.max()) + 1) for first, last, _ in (rows, columns))
    rows, columns = (
        (first - part.start, last - part.start, share)
        for (first, last, share), part in zip((rows, columns), box, strict=True)
    )
    result = np.empty([shape[axis] for axis in axes], np.float32)
    for index in range(len(result)):
        plane = turned[low[index]][box].astype(np.float32)
        if weight[index]:
            plane += weight[index] * (turned[high[index]][box] - plane)
        plane = _blend(plane, *rows)
        result[index] = _blend(plane.T, *columns).T
    for axis, (place, size) in enumerate(zip(places, turned.shape, strict=True)):
        outside = (place < -0.5 - _TOLERANCE) | (place > size - 0.5 + _TOLERANCE)
        if outside.any():
            result[(slice(None),) * axis + (outside,)] = fill
    return result.transpose(np.argsort(axes))


def _neighbours(
    place: FloatArray, size: int
) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp], npt.NDArray[np.float32]]:
    """Indices before and after each place, and the share of the latter; beyond the edge it repeats."""
    inside = np.clip(place, 0, size - 1)
    low = np.minimum(np.floor(inside).astype(np.intp), max(size - 2, 0))
    return low, np.minimum(low + 1, size - 1), (inside - low).astype(np.float32)


def _blend(
    plane: npt.NDArray[np.float32],
    low: npt.NDArray[np.intp],
    high: npt.NDArray[np.intp],
    weight: npt.NDArray[np.float32],
) -> npt.NDArray[np.float32]:
    """Linear interpolation of rows."""
    before = plane[low]
    before += weight[:, np.newaxis] * (plane[high] - before)
    return before


def _fill_outside(data: Array, matrix: FloatArray, shape: tuple[int, ...], fill: float) -> None:
    """Overwrite the voxels of ``data`` that ``matrix`` maps outside a box of ``shape`` voxels.

    Works slice by slice, so that no coordinate array of the whole volume is made.
    """
    ends = np.array(np.meshgrid(*[(0, n - 1) for n in data.shape])).reshape(3, -1).T
    corners = ends @ matrix[:3, :3].T + matrix[:3, 3]
    upper = np.array(shape) - 0.5
    if (corners >= -0.5 - _TOLERANCE).all() and (corners <= upper + _TOLERANCE).all():
        return
    j, k = np.meshgrid(np.arange(data.shape[1]), np.arange(data.shape[2]), indexing="ij")
    plane = np.stack([j, k], axis=-1) @ matrix[:3, 1:3].T + matrix[:3, 3]
    for i in range(data.shape[0]):
        source = plane + i * matrix[:3, 0]
        outside = ((source < -0.5 - _TOLERANCE) | (source > upper + _TOLERANCE)).any(axis=-1)
        data[i][outside] = fill
