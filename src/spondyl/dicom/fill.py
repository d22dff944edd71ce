"""Slices put onto the lattice of their stack, one after the other."""

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from spondyl.dicom.geometry import Stack
from spondyl.io.images import AIR_HU
from spondyl.volume import Volume

__all__ = ["Filler"]

Array = npt.NDArray[Any]


class Filler:
    """Takes slices in order and interpolates what lies between them; holds two slices at most.

    Args:
        stack: Where the slices lie.
        dtype: Of the voxels; int16 is widened to float32 if a value does not fit.
    """

    def __init__(self, stack: Stack, dtype: np.dtype[Any]) -> None:
        self._stack = stack
        columns, rows, count = stack.grid.shape
        self._data: Array = np.empty((count, rows, columns), dtype)
        self._added = 0
        self._before: Array | None = None

    def add(self, hu: Array) -> None:
        """The next slice, ``(rows, columns)``."""
        if self._stack.shifts_vox.any():
            hu = self._moved(hu, self._stack.shifts_vox[self._added])
        place = float(self._stack.places_vox[self._added])
        if self._before is None:
            self._put(0, hu)
        else:
            start = float(self._stack.places_vox[self._added - 1])
            for k in range(int(np.floor(start + 1e-6)) + 1, int(np.floor(place + 1e-6)) + 1):
                share = min((k - start) / (place - start), 1.0)
                self._put(k, hu if share > 1 - 1e-6 else self._before * (1 - share) + hu * share)
        self._before = hu
        self._added += 1

    def volume(self) -> Volume:
        """The finished volume."""
        return Volume(self._data.transpose(2, 1, 0), self._stack.grid)

    def _put(self, k: int, hu: Array) -> None:
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
        i, j = np.floor(shift + 1e-6).astype(int)
        canvas[j : j + hu.shape[0], i : i + hu.shape[1]] = hu
        rest = np.maximum(shift - (i, j), 0)[::-1]
        return np.asarray(ndimage.shift(canvas, rest, order=1, mode="nearest", prefilter=False))
