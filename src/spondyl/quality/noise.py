"""Noise in soft tissue, as a reader would measure it in a region of interest."""

from collections.abc import Iterator
from typing import Final

import numpy as np
from scipy import ndimage

from spondyl.flag import Flag
from spondyl.quality.finding import Finding
from spondyl.quality.region import around_spine
from spondyl.spine import Spine
from spondyl.volume import Volume

__all__ = ["check_noise", "noise_hu"]

_MOST_HU: Final = 60.0
_MARGIN_MM: Final = 30.0
_PATCH_MM: Final = 6.0
_SLICES: Final = 40  # looked at, evenly spaced: bounds the work on long scans
_SOFT_HU: Final = (-20.0, 120.0)
_LEAST_PATCHES: Final = 100


def check_noise(spine: Spine, volume: Volume) -> Iterator[Finding]:
    """Noise of more than 60 HU."""
    noise = noise_hu(spine, volume)
    if noise is not None and noise > _MOST_HU:
        message = f"The scan is noisy: {noise:.0f} HU in soft tissue (standard deviation)."
        yield Finding(Flag("noise", message))


def noise_hu(spine: Spine, volume: Volume) -> float | None:
    """Standard deviation in patches of 6 mm of soft tissue around the spine; ``None`` without such.

    Patches hold borders of tissues too, so the tenth percentile of all patches counts.
    """
    if len(spine) == 0:
        return None
    part = around_spine(spine, volume, _MARGIN_MM)
    size = [max(round(_PATCH_MM / step) | 1, 3) for step in part.grid.spacing_mm[:2]]
    found = []
    for k in np.unique(np.linspace(0, part.grid.shape[2] - 1, _SLICES).astype(int)):
        picture = part.data[:, :, k].astype(np.float32)
        mean = ndimage.uniform_filter(picture, size)
        square = ndimage.uniform_filter(picture**2, size)
        soft = (mean > _SOFT_HU[0]) & (mean < _SOFT_HU[1])
        found.append(np.sqrt(np.maximum(square - mean**2, 0))[soft])
    patches = np.concatenate(found)
    return float(np.percentile(patches, 10)) if len(patches) >= _LEAST_PATCHES else None
