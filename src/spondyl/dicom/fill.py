"""Slices put onto the lattice of their stack, one after the other."""

from typing import Any, Final

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from spondyl.dicom.geometry import Stack
from spondyl.io.voxels import AIR_HU
from spondyl.volume import Volume

__all__ = ["Filler"]

Array = npt.NDArray[Any]


_SAME: Final = 1e-6


class Filler:
    """Takes slices in order and interpolates what lies between them; holds two slices at most.

    Args:
        stack: Where the slices lie.
        dtype: Of the voxels; int16 is widened to float32 if a value does not fit.
    """

    def __init__(self, stack: Stack, dtype: np.dtype[Any]) -> None:
        self._stack = stack
        self._data: Array = np.empty((0, 0, 0), dtype)
        self._added = 0
        self._before: Array | None = None

    def add(self, hu: Array) -> None:
        """The next slice, ``(rows, columns)``.

        What lies between two slices is interpolated between pixels of the same index: the way the patient
        moved, also where the gantry was tilted.
        """
        now, places, shifts = self._added, self._stack.places_vox, self._stack.shifts_vox
        if self._before is None:  # the first slice is sound, so memory may be taken
            columns, rows, count = self._stack.grid.shape
            self._data = np.empty((count, rows, columns), self._data.dtype)
            self._put(0, hu, shifts[0])
        else:
            for k in range(_first_after(places[now - 1]), _first_after(places[now])):
                share = min((k - places[now - 1]) / (places[now] - places[now - 1]), 1.0)
                if share > 1 - _SAME:
                    self._put(k, hu, shifts[now])
                else:
                    shift = shifts[now - 1] * (1 - share) + shifts[now] * share
                    self._put(k, self._before * (1 - share) + hu * share, shift)
        self._before = hu
        self._added += 1

    def volume(self) -> Volume:
        """The finished volume."""
        return Volume(self._data.transpose(2, 1, 0), self._stack.grid)

    def _put(self, k: int, hu: Array, shift: Array) -> None:
        if self._stack.shifts_vox.any():
            hu = self._moved(hu, shift)
        whole = self._data.dtype.kind == "i"
        if whole and hu.dtype.kind == "f":
            hu = np.rint(hu)
        limits = np.iinfo(np.int16)
        if whole and (hu.min() < limits.min or hu.max() > limits.max):
            self._data = self._data.astype(np.float32)
        self._data[k] = hu

    def _moved(self, hu: Array, shift: Array) -> Array:
        """A slice on the larger canvas, displaced by ``(columns, rows)`` pixels; air around it."""
        _, rows, columns = self._data.shape
        canvas = np.full((rows, columns), AIR_HU, np.float32)
        i, j = np.floor(shift + _SAME).astype(int)
        canvas[j : j + hu.shape[0], i : i + hu.shape[1]] = hu
        rest = np.maximum(shift - (i, j), 0)[::-1]
        return np.asarray(ndimage.shift(canvas, rest, order=1, mode="nearest", prefilter=False))


def _first_after(place: float) -> int:
    """The first voxel behind a place."""
    return int(np.floor(place + _SAME)) + 1
