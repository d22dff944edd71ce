"""Image geometry: :class:`Grid` (where the voxels are) and :class:`Volume` (voxels on a grid).

World coordinates are RAS+ millimetres, as in nibabel: +x to the patient's right, +y to the
front, +z to the head. Voxel coordinates are those of the array: index 0 is the *centre* of
the first voxel, axis order is that of ``data``. ``world = affine @ (i, j, k, 1)``.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from nibabel.orientations import aff2axcodes, axcodes2ornt, inv_ornt_aff, io_orientation, ornt_transform

from spondyl.errors import ImageError
from spondyl.flag import Flag
from spondyl.resampling import block_means, interpolate

__all__ = ["Grid", "Volume"]

FloatArray = npt.NDArray[np.float64]

_FURTHEST_MM = 1e7
"""No scanner is ten kilometres long; beyond, squares and determinants would overflow some day."""


@dataclass(frozen=True, eq=False)
class Grid:
    """The voxel lattice of an image; immutable.

    Attributes:
        shape: Number of voxels along each array axis.
        affine: 4 x 4 matrix from voxel indices to RAS+ mm; read-only float64.

    Raises:
        ImageError: the shape is not three positive numbers, or the affine is not finite and
            invertible.
    """

    shape: tuple[int, int, int]
    affine: FloatArray

    def __post_init__(self) -> None:
        shape = tuple(int(n) for n in self.shape)
        if len(shape) != 3 or min(shape) < 1:
            raise ImageError(f"an image needs three axes of at least one voxel, found {shape}")
        affine = np.array(self.affine, dtype=np.float64)
        if affine.shape != (4, 4) or not (np.abs(affine) <= _FURTHEST_MM).all():  # refuses NaN too
            raise ImageError("the affine is not a finite 4 x 4 matrix of millimetres")
        with np.errstate(all="ignore"):  # numpy divides by zero on the way to a determinant of zero
            size = abs(np.linalg.det(affine[:3, :3]))
        if not size >= 1e-9:
            raise ImageError("the affine cannot be inverted: an axis has zero length")
        affine.setflags(write=False)
        object.__setattr__(self, "shape", shape)
        object.__setattr__(self, "affine", affine)

    @classmethod
    def from_spacing(cls, shape: Sequence[int], spacing_mm: Sequence[float], codes: str = "RAS") -> Self:
        """A grid along the world axes whose first voxel lies at the world origin.

        Args:
            shape: Voxels along each axis.
            spacing_mm: Voxel size along each axis.
            codes: Direction in which each index grows, e.g. ``"LPS"``.
        """
        ornt = axcodes2ornt(tuple(codes))
        affine = np.zeros((4, 4))
        affine[3, 3] = 1
        for axis, (world_axis, sign) in enumerate(ornt):
            affine[int(world_axis), axis] = sign * spacing_mm[axis]
        return cls((int(shape[0]), int(shape[1]), int(shape[2])), affine)

    @cached_property
    def spacing_mm(self) -> tuple[float, float, float]:
        """Voxel size along each array axis."""
        x, y, z = np.linalg.norm(self.affine[:3, :3], axis=0)
        return float(x), float(y), float(z)

    @cached_property
    def codes(self) -> str:
        """Nearest anatomical direction in which each index grows, e.g. ``"RAS"``."""
        return "".join(aff2axcodes(self.affine))

    @cached_property
    def inverse(self) -> FloatArray:
        """4 x 4 matrix from RAS+ mm to voxel coordinates."""
        inverse = np.asarray(np.linalg.inv(self.affine), dtype=np.float64)
        inverse.setflags(write=False)
        return inverse

    def to_world(self, voxels: npt.ArrayLike) -> FloatArray:
        """Voxel coordinates ``(..., 3)`` to RAS+ mm ``(..., 3)``."""
        return np.asarray(np.asarray(voxels, float) @ self.affine[:3, :3].T + self.affine[:3, 3])

    def to_voxel(self, points_mm: npt.ArrayLike) -> FloatArray:
        """RAS+ mm ``(..., 3)`` to (fractional) voxel coordinates ``(..., 3)``."""
        return np.asarray(np.asarray(points_mm, float) @ self.inverse[:3, :3].T + self.inverse[:3, 3])

    def contains(self, points_mm: npt.ArrayLike, margin_mm: float = 0.0) -> npt.NDArray[np.bool_]:
        """Which points ``(..., 3)`` lie inside the image, voxel edges included.

        Args:
            points_mm: RAS+ mm.
            margin_mm: How far outside still counts as inside.
        """
        voxels = self.to_voxel(points_mm)
        slack = 0.5 + margin_mm / np.array(self.spacing_mm)
        inside = (voxels >= -slack) & (voxels <= np.array(self.shape) - 1 + slack)
        return np.asarray(inside.all(axis=-1))

    def is_close(self, other: "Grid", atol_mm: float = 1e-2) -> bool:
        """Same shape, and every corner voxel within ``atol_mm`` of the other's."""
        if self.shape != other.shape:
            return False
        ends = np.array(np.meshgrid(*[(0, n - 1) for n in self.shape])).reshape(3, -1).T
        return bool(np.abs(self.to_world(ends) - other.to_world(ends)).max() <= atol_mm)

    def reoriented(self, codes: str = "RAS") -> Self:
        """The same voxels with axes permuted and flipped to the given directions."""
        transform = _orientation_transform(self.affine, codes)
        order = np.argsort(transform[:, 0]).astype(int)
        shape = (self.shape[order[0]], self.shape[order[1]], self.shape[order[2]])
        return type(self)(shape, self.affine @ inv_ornt_aff(transform, self.shape))

    def resampled(self, spacing_mm: float | Sequence[float]) -> Self:
        """A grid over the same box with another voxel size.

        The size is ``round(size * spacing / new)`` as in the reference system, at least 1; the
        centres of both boxes coincide, so world positions are kept exactly.
        """
        old = np.array(self.spacing_mm)
        new = np.broadcast_to(np.asarray(spacing_mm, float), 3)
        shape = np.maximum(np.round(np.array(self.shape) * old / new), 1).astype(int)
        affine = self.affine.copy()
        affine[:3, :3] *= new / old
        centre_old = self.to_world((np.array(self.shape) - 1) / 2)
        affine[:3, 3] = centre_old - affine[:3, :3] @ ((shape - 1) / 2)
        return type(self)((int(shape[0]), int(shape[1]), int(shape[2])), affine)

    def cropped(self, start: Sequence[int], stop: Sequence[int]) -> Self:
        """The sub-grid ``start:stop`` per axis; may reach outside (then it pads)."""
        affine = self.affine.copy()
        affine[:3, 3] = self.to_world(np.asarray(start, float))
        i, j, k = (int(b) - int(a) for a, b in zip(start, stop, strict=True))
        return type(self)((i, j, k), affine)


@dataclass(frozen=True, eq=False)
class Volume:
    """A three-dimensional image: voxels and where they are.

    Attributes:
        data: ``(i, j, k)`` array on ``grid``; a CT in Hounsfield units, or labels.
        grid: The lattice of ``data``.
        remarks: What its reader noticed and who trusts the result should know; derived volumes carry none.

    Raises:
        ImageError: ``data`` does not have the shape of ``grid``.
    """

    data: npt.NDArray[Any]
    grid: Grid
    remarks: tuple[Flag, ...] = ()

    def __post_init__(self) -> None:
        if self.data.shape != self.grid.shape:
            raise ImageError(f"voxels of shape {self.data.shape} on a grid of shape {self.grid.shape}")

    def reoriented(self, codes: str = "RAS") -> Self:
        """Axes permuted and flipped to the given directions; a view, no interpolation."""
        from nibabel.orientations import apply_orientation

        transform = _orientation_transform(self.grid.affine, codes)
        return type(self)(apply_orientation(self.data, transform), self.grid.reoriented(codes))

    def resampled(self, grid: Grid, *, order: int = 1, fill: float = 0.0) -> Self:
        """Interpolated onto another grid.

        Args:
            grid: The lattice of the result, anywhere in the world.
            order: 1 linear (images), 0 nearest (labels).
            fill: Value outside this volume. The outer half of the edge voxels is inside: there
                the edge value is repeated.

        Returns:
            float32 for ``order=1``, the own dtype for ``order=0``.
        """
        source = self.reoriented(grid.codes)  # turned alike, most pairs of grids have parallel axes
        matrix = source.grid.inverse @ grid.affine
        data = interpolate(source.data, matrix, grid.shape, order=order, fill=fill)
        return type(self)(data, grid)

    def averaged(self, spacing_mm: float) -> Self:
        """Blocks of voxels averaged as far as that keeps every spacing at or below ``spacing_mm``.

        What comes before interpolation onto a coarser grid: noise is averaged instead of sampled. The last
        block along an axis may be smaller, and then lies up to half a block nearer than its voxel says.
        """
        i, j, k = (max(1, int(spacing_mm / own + 1e-6)) for own in self.grid.spacing_mm)
        if (i, j, k) == (1, 1, 1):
            return self
        affine = self.grid.affine.copy()
        affine[:3, :3] *= (i, j, k)
        affine[:3, 3] = self.grid.to_world((np.array([i, j, k]) - 1) / 2)
        data = block_means(self.data, (i, j, k))
        return type(self)(data, Grid(data.shape, affine))

    def cropped(self, start: Sequence[int], stop: Sequence[int], *, fill: float = 0.0) -> Self:
        """The box ``start:stop`` per axis; what lies outside the volume is ``fill``."""
        grid = self.grid.cropped(start, stop)
        inner = [(max(a, 0), min(b, n)) for a, b, n in zip(start, stop, self.grid.shape, strict=True)]
        if all(a == s and b == e for (a, b), s, e in zip(inner, start, stop, strict=True)):
            return type(self)(self.data[tuple(slice(a, b) for a, b in inner)], grid)
        data = np.full(grid.shape, fill, self.data.dtype)
        if all(a < b for a, b in inner):
            target = tuple(slice(a - s, b - s) for (a, b), s in zip(inner, start, strict=True))
            data[target] = self.data[tuple(slice(a, b) for a, b in inner)]
        return type(self)(data, grid)


def _orientation_transform(affine: FloatArray, codes: str) -> FloatArray:
    """The nibabel orientation transform from an affine to axis codes such as ``"RAS"``."""
    return np.asarray(ornt_transform(io_orientation(affine), axcodes2ornt(tuple(codes))))
