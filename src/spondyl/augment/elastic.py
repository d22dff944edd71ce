"""Elastic deformation of a plane: a few random control points and a smooth field between them.

As the reference uses it (control points at the corners of the image and between them, cubic
splines, nearest neighbour, a fixed value for what comes from outside).
"""

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from scipy import ndimage

__all__ = ["ElasticDeformation"]


class ElasticDeformation:
    """One drawn deformation; :meth:`apply` is pure.

    Args:
        displacements_vox: ``(2, points, points)`` displacement of each control point along both
            axes. Output pixel ``p`` shows what was at ``p + displacement(p)``.
    """

    def __init__(self, displacements_vox: npt.NDArray[np.float64]) -> None:
        self.displacements_vox = displacements_vox

    @classmethod
    def sample(cls, rng: np.random.Generator, points: int = 3, sigma_vox: float = 7.0) -> Self:
        """Draw normal displacements of standard deviation ``sigma_vox`` per control point."""
        return cls(rng.normal(0, sigma_vox, (2, points, points)))

    def source(self, shape: Sequence[int]) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.bool_]]:
        """Where each pixel of an image comes from.

        Args:
            shape: ``(rows, columns)`` of the image.

        Returns:
            ``rows * columns`` indices into the flattened image, and which of them lie inside;
            both of shape ``shape``. Outside, the index is 0.
        """
        rows, columns = shape
        field = _basis(rows, self.displacements_vox.shape[1]) @ self.displacements_vox
        field = field @ _basis(columns, self.displacements_vox.shape[2]).T
        row = np.rint(field[0] + np.arange(rows)[:, None]).astype(np.intp)
        column = np.rint(field[1] + np.arange(columns)).astype(np.intp)
        inside = (row >= 0) & (row < rows) & (column >= 0) & (column < columns)
        return np.where(inside, row * columns + column, 0), inside

    def apply(self, image: npt.NDArray[Any], fill: float = 0.0) -> npt.NDArray[Any]:
        """The deformed image.

        Args:
            image: ``(..., rows, columns)``; every plane is deformed in the same way.
            fill: Value of what comes from outside.
        """
        index, inside = self.source(image.shape[-2:])
        flat = image.reshape(*image.shape[:-2], -1)
        return np.where(inside, flat[..., index], np.asarray(fill, image.dtype))


def _basis(size: int, points: int) -> npt.NDArray[np.float64]:
    """``(size, points)`` value at each pixel of the cubic spline through unit control points.

    Interpolation is linear in the control points and separable, so two small matrix products make
    the field of a whole image.
    """
    where = np.linspace(0, points - 1, size)
    units = np.eye(points)
    return np.stack(
        [ndimage.map_coordinates(unit, where[None], order=3, mode="mirror") for unit in units], axis=1
    )
