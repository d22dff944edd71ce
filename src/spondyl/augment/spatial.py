"""Rotation, scaling, stretching, mirroring and elastic bending as one backward map.

The map says for each voxel of the wanted patch where to look in the scan, so any chain of
spatial changes costs one interpolation, and everything known about the scan (labels, distances,
centroids) can be looked up at the same place.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional

from spondyl.recipes.spondyl import AugmentationSettings
from spondyl.volume import Grid

__all__ = ["SpatialMap", "backward_map", "sample_spatial"]


@dataclass(frozen=True)
class SpatialMap:
    """A drawn spatial change.

    Attributes:
        centre_mm: Where in the scan (RAS mm) the middle of the patch comes from.
        matrix: ``(3, 3)`` from patch millimetres to scan millimetres.
        bumps_mm: ``(3, a, b, c)`` coarse displacement field in scan millimetres.
    """

    centre_mm: npt.NDArray[np.float64]
    matrix: npt.NDArray[np.float64]
    bumps_mm: npt.NDArray[np.float32]


def sample_spatial(
    rng: np.random.Generator,
    settings: AugmentationSettings,
    point_mm: npt.NDArray[np.float64],
    place_mm: npt.NDArray[np.float64],
) -> SpatialMap:
    """Draw a spatial change.

    Args:
        rng: Source of randomness.
        settings: Ranges.
        point_mm: A point of the scan ...
        place_mm: ... and where it comes to lie, from the middle of the patch, in patch axes.
    """
    angles = np.radians(np.clip(rng.normal(0, settings.rotation_deg, 3), -35, 35))
    rotation = np.eye(3)
    for axis, angle in enumerate(angles):
        cos, sin = np.cos(angle), np.sin(angle)
        turn = np.eye(3)
        a, b = (axis + 1) % 3, (axis + 2) % 3
        turn[a, a] = turn[b, b] = cos
        turn[a, b], turn[b, a] = -sin, sin
        rotation = rotation @ turn
    scale = np.exp(rng.uniform(*np.log(settings.scale)))
    stretch = np.exp(rng.normal(0, settings.stretch, 3))
    mirror = np.array([-1.0 if rng.random() < settings.mirror else 1.0, 1, 1])
    # A patch that shows the anatomy larger looks at a smaller part of the scan.
    matrix = rotation @ np.diag(mirror * stretch / scale)
    bumps = rng.normal(0, settings.elastic_mm * rng.random(), (3, 4, 4, 7)).astype(np.float32)
    return SpatialMap(point_mm - matrix @ place_mm, matrix, bumps)


def backward_map(spatial: SpatialMap, shape: tuple[int, int, int], spacing_mm: float, grid: Grid) -> Tensor:
    """Where in the scan's voxels each voxel of a patch comes from.

    Returns:
        ``(X, Y, Z, 3)`` float32 voxel coordinates on ``grid``, last axis first (k, j, i), as
        ``grid_sample`` wants them.
    """
    to_voxel = grid.inverse[::-1][1:, :3]  # rows k, j, i
    matrix = torch.from_numpy((to_voxel @ spatial.matrix).astype(np.float32))
    centre = torch.from_numpy(grid.to_voxel(spatial.centre_mm)[::-1].astype(np.float32))
    axes = [torch.arange(n, dtype=torch.float32) * spacing_mm - (n - 1) * spacing_mm / 2 for n in shape]
    # The sum of three broadcast lines costs less than a product with a grid of coordinates.
    x = axes[0][:, None, None, None] * matrix[:, 0]
    y = axes[1][None, :, None, None] * matrix[:, 1]
    z = axes[2][None, None, :, None] * matrix[:, 2] + centre
    index = (x + y) + z
    if spatial.bumps_mm.any():
        bumps = torch.from_numpy(np.einsum("ij,jabc->iabc", to_voxel.astype(np.float32), spatial.bumps_mm))
        field = functional.interpolate(bumps[None], size=shape, mode="trilinear", align_corners=True)
        index += field[0].permute(1, 2, 3, 0)
    return index
