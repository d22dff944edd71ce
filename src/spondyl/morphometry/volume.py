"""Volume of a vertebra."""

from typing import Final

import numpy as np

from spondyl.morphometry.result import Measurement
from spondyl.morphometry.sampling import Sampler
from spondyl.spine import Flag

__all__ = ["vertebra_volume"]

_SURFACE_SD: Final = 0.15  # of a voxel: how far the mask's surface as a whole may be off
_CUT: Final = Flag("partly_visible", "The border of the scan cuts this vertebra.")


def vertebra_volume(sampler: Sampler) -> Measurement:
    """Volume of the whole vertebra, arch and processes included, by counting the mask's voxels.

    Its uncertainty is that of a surface which as a whole may lie 0.15 voxels too far in or out;
    errors of the mask itself are not in it.
    """
    own = sampler.labels == sampler.label
    if any(np.take(own, edge, axis).any() for axis in range(3) for edge in (0, -1)):
        return Measurement.refusal("ml", _CUT)
    spacing = np.array(sampler.grid.spacing_mm)
    voxel = float(spacing.prod())
    faces = [float(np.diff(own.astype(np.int8), axis=axis).astype(bool).sum()) for axis in range(3)]
    area = np.linalg.norm([n * voxel / step for n, step in zip(faces, spacing, strict=True)])
    sd = float(area) * _SURFACE_SD * voxel ** (1 / 3)
    return Measurement(own.sum() * voxel / 1000, "ml", sd / 1000)
