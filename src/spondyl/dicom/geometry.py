"""From slices in any order to a lattice with perpendicular axes and even steps.

The lattice is that of the slices themselves wherever these lie evenly behind each other. Missing slices and
uneven steps are bridged linearly up to :data:`MAX_GAP_MM`; a tilted gantry (each slice displaced in its own
plane) is undone by moving each slice within its plane onto a larger canvas.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from spondyl.dicom.duplicates import one_per_place
from spondyl.dicom.slices import Slice
from spondyl.errors import ImageError
from spondyl.io.checks import MAX_VOXELS, check_extent
from spondyl.volume import Grid

__all__ = ["MAX_GAP_MM", "Stack", "arrange"]

MAX_GAP_MM: Final = 12.0
"""Widest hole between slices that is bridged: less than half a lumbar vertebra with its disc."""

_EVEN_MM: Final = 0.1
_STRAIGHT_MM: Final = 0.1
_SAME_AXES: Final = 2e-3
_LEAST: Final = 4  # as for other files: fewer show no vertebra whole
_MOST_SLICES: Final = 10_000
_FARTHEST_MM: Final = 1e5

FloatArray = npt.NDArray[np.float64]
_LPS_TO_RAS: Final = np.array([-1.0, -1.0, 1.0])


@dataclass(frozen=True, eq=False)
class Stack:
    """Slices and the lattice they are read onto.

    Attributes:
        slices: From the first to the last along the third axis of ``grid``.
        grid: Axes: column of a slice, row of a slice, slice. RAS+ mm.
        places_vox: ``(n,)`` of each slice along the third axis; 0, 1, 2, ... where the steps are even.
        shifts_vox: ``(n, 2)`` of each slice's first pixel along the first two axes; 0 unless tilted.
        notes: What was left out, bridged or moved.
    """

    slices: tuple[Slice, ...]
    grid: Grid
    places_vox: FloatArray
    shifts_vox: FloatArray
    notes: tuple[str, ...]

    @property
    def is_plain(self) -> bool:
        """Whether each slice of the lattice is one slice of the series, untouched."""
        plain = np.array_equal(self.places_vox, np.arange(len(self.slices)))
        return bool(plain and not self.shifts_vox.any())


def arrange(slices: Sequence[Slice]) -> Stack:
    """Put slices into order.

    Raises:
        ImageError: they are no volume: too few, all at one place, with wide gaps, beside each other, with
            impossible sizes.
    """
    kept, notes = _alike(slices)
    row, column, normal = _directions(kept[0])
    heights = [float(np.dot(piece.position_mm, normal)) for piece in kept]
    kept, more = one_per_place(kept, heights)
    notes += more
    if len(kept) < _LEAST:
        raise ImageError(f"{len(kept)} slice(s) at different places; a volume needs at least {_LEAST}")
    corners = np.array([piece.position_mm for piece in kept])
    if np.abs(corners).max() > _FARTHEST_MM:
        raise ImageError(f"slices {np.abs(corners).max():.3g} mm from the origin; damaged header")
    places, step, more = _even_places(corners @ normal)
    notes += more
    spacing = (kept[0].pixel_mm[1], kept[0].pixel_mm[0], step)
    rows, columns = kept[0].shape
    check_extent((columns, rows, int(places[-1]) + 1), spacing)
    start, shifts, canvas = _straightened(corners, places * step, (row, column, normal), spacing[:2])
    if canvas:
        notes.append(f"slices moved in their planes by up to {canvas:.1f} mm, since the gantry was tilted")
        columns += int(np.ceil(shifts[:, 0].max()))
        rows += int(np.ceil(shifts[:, 1].max()))
    count = int(np.floor(places[-1] + 1e-6)) + 1
    if count > _MOST_SLICES or count * rows * columns > MAX_VOXELS:
        raise ImageError(f"{columns} x {rows} x {count} voxels, more than any CT")
    affine = np.eye(4)
    affine[:3, :3] = np.column_stack([row, column, normal]) * spacing
    affine[:3, 3] = start
    affine[:3] = affine[:3] * _LPS_TO_RAS[:, None] + 0.0  # no -0.0
    return Stack(tuple(kept), Grid((columns, rows, count), affine), places, shifts, tuple(notes))


def _alike(slices: Sequence[Slice]) -> tuple[list[Slice], list[str]]:
    """The largest set of slices with the same axes, size and pixel spacing."""
    groups: list[list[Slice]] = []
    for piece in slices:
        for group in groups:
            if _same_kind(group[0], piece):
                group.append(piece)
                break
        else:
            groups.append([piece])
    largest = max(groups, key=len)
    if len(largest) == len(slices):
        return largest, []
    return largest, [f"{len(slices) - len(largest)} slices of another orientation or size were left out"]


def _same_kind(one: Slice, other: Slice) -> bool:
    return (
        one.shape == other.shape
        and np.allclose(one.axes, other.axes, rtol=0, atol=_SAME_AXES)
        and np.allclose(one.pixel_mm, other.pixel_mm, rtol=1e-3, atol=0)
    )


def _directions(piece: Slice) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Unit vectors along a row, along a column and from slice to slice, LPS+.

    Raises:
        ImageError: the axes in the header are not perpendicular unit vectors.
    """
    row, column = np.array(piece.axes[:3]), np.array(piece.axes[3:])
    lengths = np.linalg.norm(row), np.linalg.norm(column)
    if not np.allclose(lengths, 1, atol=0.01) or abs(np.dot(row, column)) > 0.01:
        raise ImageError(f"{piece.source}: the directions of its rows and columns are not perpendicular")
    row, column = row / lengths[0], column / lengths[1]
    normal = np.cross(row, column)
    return row, column, normal / np.linalg.norm(normal)


def _even_places(heights: FloatArray) -> tuple[FloatArray, float, list[str]]:
    """Where slices lie on an even lattice, its step in mm, and remarks.

    Raises:
        ImageError: a gap too wide to be bridged.
    """
    steps = np.diff(heights)
    usual = float(np.median(steps))
    widest = int(np.argmax(steps))
    even = (heights[-1] - heights[0]) / (len(heights) - 1)
    counted = np.arange(len(heights), dtype=np.float64)
    if np.abs(heights - heights[0] - counted * even).max() <= _EVEN_MM:
        return counted, float(even), []
    if steps[widest] > max(MAX_GAP_MM, 1.01 * usual):
        raise ImageError(
            f"a gap of {steps[widest]:.1f} mm after slice {widest + 1} of {len(heights)} (usually"
            f" {usual:.2f} mm); up to {MAX_GAP_MM:g} mm are bridged: are files missing?"
        )
    for step in (usual, float(steps.min())):
        whole = np.round((heights - heights[0]) / step)
        if whole[-1] > _MOST_SLICES or (np.diff(whole) < 1).any():
            continue
        better = (heights[-1] - heights[0]) / whole[-1]
        if np.abs(heights - heights[0] - whole * better).max() <= _EVEN_MM:
            missing = int(whole[-1]) + 1 - len(heights)
            note = f"{missing} slices were interpolated where steps are wider, up to {steps.max():.2f} mm"
            return whole, float(better), [note]
    step = float(np.quantile(steps, 0.1))
    note = f"steps of {steps.min():.2f} to {steps.max():.2f} mm were interpolated to even {step:.2f} mm"
    return (heights - heights[0]) / step, step, [note]


def _straightened(
    corners: FloatArray, heights: FloatArray, axes: Sequence[FloatArray], pixel_mm: Sequence[float]
) -> tuple[FloatArray, FloatArray, float]:
    """The first corner of the lattice, each slice's shift in pixels, and the largest one in mm (0: none).

    Raises:
        ImageError: the slices lie rather beside than behind each other.
    """
    row, column, _ = axes
    moved = corners - corners[0]
    drift = np.column_stack([moved @ row, moved @ column])
    reach = float(np.abs(drift).max())
    if reach <= _STRAIGHT_MM:
        return corners[0], np.zeros_like(drift), 0.0
    if np.linalg.norm(drift, axis=1).max() > np.ptp(heights):
        raise ImageError("the slices lie beside each other rather than behind each other")
    low = drift.min(axis=0)
    return (
        corners[0] + low[0] * row + low[1] * column,
        (drift - low) / pixel_mm,
        float(np.ptp(drift, axis=0).max()),
    )
