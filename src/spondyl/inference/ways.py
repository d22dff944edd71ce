"""The way from each voxel to the centroid of its vertebra, as a network of the ``spondyl`` recipe sees it."""

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from spondyl.recipes.spondyl import OFFSET_UNIT_MM
from spondyl.volume import Grid

__all__ = ["Ways"]


@dataclass(frozen=True, eq=False)
class Ways:
    """A field of ways.

    Attributes:
        mm: ``(3, X, Y, Z)`` float32, along the grid's axes.
        grid: Of the field.
    """

    mm: npt.NDArray[np.float32]
    grid: Grid

    @classmethod
    def of(cls, fine: npt.NDArray[np.float32], grid: Grid) -> Self:
        """From the full-resolution outputs of a network that has them, ``(5, X, Y, Z)``."""
        return cls(OFFSET_UNIT_MM * fine[2:5], grid)

    def aims(self, world: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Where points ``(n, 3)`` (RAS mm) see the centroid of their vertebra, ``(n, 3)`` RAS mm."""
        where = self.grid.to_voxel(world).T
        ways = [ndimage.map_coordinates(part, where, order=1, mode="nearest") for part in self.mm]
        directions = self.grid.affine[:3, :3] / np.array(self.grid.spacing_mm)
        return np.asarray(world + np.stack(ways, axis=1) @ directions.T)
