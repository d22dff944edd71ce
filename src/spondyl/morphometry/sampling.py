"""Reading CT and mask along the axes of a vertebra, whatever the scan's own axes are."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from spondyl.morphometry.frame import FloatArray, Frame
from spondyl.volume import Grid, Volume

__all__ = ["Block", "Box", "Sampler", "hu_block"]

Box = tuple[slice, slice, slice]

_MARGIN_MM = 6.0
_MASK_BLUR_VOX = 0.5  # turns the staircase of a binary mask into an edge that can be placed between voxels


@dataclass(frozen=True, eq=False)
class Block:
    """CT and mask on a lattice along a vertebra's axes.

    Attributes:
        u: mm to the right, ``(nu,)``; ``v`` to the front, ``(nv,)``; ``w`` upwards, ``(nw,)``.
        hu: ``(nu, nv, nw)`` Hounsfield units, NaN outside the image.
        mask: Share of the vertebra, 0-1, same shape; its surface is at 0.5.
    """

    u: FloatArray
    v: FloatArray
    w: FloatArray
    hu: npt.NDArray[np.float32]
    mask: npt.NDArray[np.float32]


class Sampler:
    """One vertebra and its surroundings, as a part of the scan.

    Args:
        volume: The scan in HU.
        mask: VerSe numbers on the same grid.
        label: The vertebra's number.
        centre_mm: Centre of its body.
        reach_mm: How far around the centre to read, at least.
        box: Where the mask holds the vertebra; all of it is read.

    Attributes:
        grid: Of the part of the scan that is kept.
        hu: CT there, a view of the scan.
        labels: VerSe numbers there.
        label: The vertebra's number.
    """

    def __init__(
        self,
        volume: Volume,
        mask: Volume,
        label: int,
        centre_mm: npt.ArrayLike,
        reach_mm: float,
        box: Box,
    ) -> None:
        reach = reach_mm / np.array(volume.grid.spacing_mm)
        margin = np.ceil(_MARGIN_MM / np.array(volume.grid.spacing_mm))
        middle = volume.grid.to_voxel(centre_mm)
        start = np.minimum(np.floor(middle - reach), [part.start for part in box] - margin)
        stop = np.maximum(np.ceil(middle + reach) + 1, [part.stop for part in box] + margin)
        start, stop = (np.clip(ends, 0, volume.grid.shape).astype(int) for ends in (start, stop))
        part = volume.cropped(start.tolist(), stop.tolist())
        self.label = label
        self.grid: Grid = part.grid
        self.hu: npt.NDArray[Any] = part.data
        self.labels = mask.cropped(start.tolist(), stop.tolist()).data
        self._mask: npt.NDArray[np.float32] = ndimage.gaussian_filter(
            (self.labels == label).view(np.uint8),
            _MASK_BLUR_VOX,
            output=np.float32,
            mode="nearest",
            truncate=3,
        )

    @property
    def own_points_mm(self) -> FloatArray:
        """``(n, 3)`` centres of the vertebra's voxels."""
        return self.grid.to_world(np.argwhere(self.labels == self.label))

    def spacing_along_mm(self, direction: FloatArray) -> float:
        """Voxel size along a direction of the world."""
        steps = self.grid.affine[:3, :3]
        return float(np.linalg.norm(steps.T @ direction))

    def block(self, frame: Frame, u: FloatArray, v: FloatArray, w: FloatArray) -> Block:
        """CT and mask on the lattice ``u x v x w`` of a frame."""
        coordinates, outside = _lattice(self.grid, frame, u, v, w)
        mask: npt.NDArray[np.float32] = ndimage.map_coordinates(
            self._mask, coordinates, order=1, mode="nearest"
        )
        mask[outside] = 0
        return Block(u, v, w, _values(self.hu, coordinates, outside), mask)


def hu_block(
    volume: Volume, frame: Frame, u: FloatArray, v: FloatArray, w: FloatArray
) -> npt.NDArray[np.float32]:
    """CT alone on the lattice ``u x v x w`` of a frame, ``(nu, nv, nw)``; NaN outside the scan."""
    return _values(volume.data, *_lattice(volume.grid, frame, u, v, w))


def _lattice(
    grid: Grid, frame: Frame, u: FloatArray, v: FloatArray, w: FloatArray
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.bool_]]:
    """Voxel coordinates ``(3, nu, nv, nw)`` of a lattice, and which of them lie outside the image."""
    origin = grid.to_voxel(frame.origin_mm)
    steps = grid.inverse[:3, :3] @ frame.axes
    coordinates = (
        origin[:, None, None, None]
        + steps[:, 0, None, None, None] * u[:, None, None]
        + steps[:, 1, None, None, None] * v[:, None]
        + steps[:, 2, None, None, None] * w
    ).astype(np.float32)
    shape = np.array(grid.shape).reshape(3, 1, 1, 1)
    return coordinates, np.any((coordinates < -0.5) | (coordinates > shape - 0.5), axis=0)


def _values(
    hu: npt.NDArray[Any], coordinates: npt.NDArray[np.float32], outside: npt.NDArray[np.bool_]
) -> npt.NDArray[np.float32]:
    values: npt.NDArray[np.float32] = ndimage.map_coordinates(
        hu, coordinates, np.float32, order=1, mode="nearest", prefilter=False
    )
    values[outside] = np.nan
    return values
