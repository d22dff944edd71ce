"""From a scan to what the networks see: the working grid and normalised intensities."""

import numpy as np
import numpy.typing as npt

from spondyl.recipes.base import WorkingSpec
from spondyl.volume import Volume

__all__ = ["normalise", "to_working"]


def to_working(volume: Volume, spec: WorkingSpec) -> Volume:
    """Reorient, resample linearly and normalise a CT.

    The grid of the result knows its place in the world, so points and labels are carried there
    and back without loss; nothing is assumed about the orientation on disk.

    Args:
        volume: HU, any orientation and spacing.
        spec: The grid and intensities wanted.

    Returns:
        float32, normalised, axes in the order of ``spec.orientation``.
    """
    turned = volume.reoriented(spec.orientation)
    resampled = turned.resampled(turned.grid.resampled(spec.spacing_mm), fill=spec.outside_hu)
    return Volume(normalise(resampled.data, spec), resampled.grid)


def normalise(data: npt.NDArray[np.float32], spec: WorkingSpec) -> npt.NDArray[np.float32]:
    """HU to network intensities, see :class:`WorkingSpec`; a blank image becomes zeros."""
    mean, std = spec.mean_hu, spec.std_hu
    if spec.normalise == "scan":
        mean, std = float(data.mean(dtype=np.float64)), float(data.std(dtype=np.float64))
    return np.asarray((data - np.float32(mean)) / np.float32(std or 1.0), np.float32)
