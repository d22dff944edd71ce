"""What the scanner adds: blur, noise, slices of some thickness."""

import numpy as np
from scipy import ndimage

from spondyl.phantom.shapes import Array
from spondyl.volume import Grid, Volume

__all__ = ["add_noise", "add_shoulder_streaks", "average_slices", "blur"]


def blur(hu: Array, grid: Grid, sigma_mm: float) -> Array:
    """Point spread of the scanner: Gaussian in the plane, a little along the axis."""
    sx, sy, sz = grid.spacing_mm
    sigma = (sigma_mm / sx, sigma_mm / sy, 0.6 * sigma_mm / sz)
    return np.asarray(ndimage.gaussian_filter(hu, sigma, mode="nearest", truncate=2.5), np.float32)


def add_noise(hu: Array, grain: Array, level_hu: float, load: Array) -> None:
    """Add noise in place.

    Args:
        hu: The image.
        grain: Noise of standard deviation 1 with the scanner's texture, same shape.
        level_hu: Standard deviation at ``load`` 1.
        load: How much stronger the noise is at each height, ``(nz,)``: shoulders and pelvis absorb more.
    """
    hu += grain * (np.float32(level_hu) * load.astype(np.float32))


def add_shoulder_streaks(hu: Array, grain: Array, level_hu: float, place: Array) -> None:
    """Add the sideways streaks of a scan through both shoulders, in place.

    Args:
        hu: The image, first axis from side to side.
        grain: Noise of standard deviation 1, same shape.
        level_hu: Standard deviation of the streaks at the shoulders.
        place: Level position of every slice, 8 is T1.
    """
    weight = np.exp(-(((place - 8.3) / 1.5) ** 2))
    slices = np.flatnonzero(weight > 0.1)
    if len(slices):
        part = slice(int(slices[0]), int(slices[-1]) + 1)
        streaks = ndimage.uniform_filter1d(grain[:, :, part], min(31, hu.shape[0]), axis=0, mode="wrap")
        streaks *= (level_hu / max(float(streaks.std()), 1e-6) * weight[part]).astype(np.float32)
        hu[:, :, part] += streaks


def average_slices(volume: Volume, every: int, slices: int) -> Volume:
    """Average ``slices`` neighbouring fine slices, one result for ``every`` of them.

    Args:
        volume: Fine slices along the third axis.
        every: Fine slices per slice kept.
        slices: Fine slices to average, centred on the kept one.
    """
    data = volume.data
    if slices > 1:
        data = ndimage.uniform_filter1d(data, slices, axis=2, mode="nearest")
    start = every // 2
    grid = volume.grid
    affine = grid.affine.copy()
    affine[:3, 3] = grid.to_world((0, 0, start))
    affine[:3, 2] *= every
    kept = data[:, :, start::every]
    return Volume(kept, Grid((kept.shape[0], kept.shape[1], kept.shape[2]), affine))
