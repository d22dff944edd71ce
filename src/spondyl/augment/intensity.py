"""Changes of Hounsfield units: gain, shift, gamma, noise, blur, thick slices, new tissue values."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional

from spondyl.recipes.spondyl import AugmentationSettings

__all__ = ["Intensity", "apply_intensity", "recolour", "sample_intensity"]

_LOW_HU, _HIGH_HU = -1024.0, 2500.0


@dataclass(frozen=True)
class Intensity:
    """A drawn change of grey values.

    Attributes:
        gain: Factor on HU.
        shift_hu: Added.
        gamma: Exponent on HU mapped to 0..1.
        noise_hu: Standard deviation of added noise; ``noise_grain`` voxels wide.
        noise_grain: 1 for white noise, 2 for coarse noise.
        blur: Whether neighbouring voxels are averaged.
        slices: Voxels along z that become one thick slice, 1 for none.
        seed: Of the noise.
    """

    gain: float
    shift_hu: float
    gamma: float
    noise_hu: float
    noise_grain: int
    blur: bool
    slices: int
    seed: int


def sample_intensity(rng: np.random.Generator, settings: AugmentationSettings) -> Intensity:
    """Draw a change of grey values."""
    thick = rng.random() < settings.thick_slices
    return Intensity(
        gain=float(np.exp(rng.normal(0, settings.hu_gain))),
        shift_hu=float(rng.normal(0, settings.hu_shift)),
        gamma=float(np.exp(rng.normal(0, settings.gamma))),
        noise_hu=float(settings.noise_hu * rng.random() ** 2),
        noise_grain=int(rng.integers(1, 3)),
        blur=bool(rng.random() < settings.blur),
        slices=int(rng.integers(2, 4)) if thick else 1,
        seed=int(rng.integers(2**31)),
    )


def apply_intensity(image: Tensor, change: Intensity) -> Tensor:
    """Apply a drawn change to ``(X, Y, Z)`` HU."""
    image = image * change.gain + change.shift_hu
    image = ((image - _LOW_HU) / (_HIGH_HU - _LOW_HU)).clamp_(0, 1).pow_(change.gamma)
    image = image.mul_(_HIGH_HU - _LOW_HU).add_(_LOW_HU)
    batch = image[None, None]
    if change.blur:
        padded = functional.pad(batch, (1, 1, 1, 1, 1, 1), mode="replicate")
        batch = functional.avg_pool3d(padded, 3, stride=1)
    if change.slices > 1:
        size = batch.shape[2:]
        thick = functional.avg_pool3d(batch, (1, 1, change.slices), ceil_mode=True, count_include_pad=False)
        batch = functional.interpolate(thick, size=size, mode="trilinear", align_corners=False)
    if change.noise_hu > 1:
        generator = torch.Generator().manual_seed(change.seed)
        grains = [-(-n // change.noise_grain) for n in batch.shape[2:]]
        noise = torch.randn((1, 1, *grains), generator=generator) * change.noise_hu
        if change.noise_grain > 1:
            noise = functional.interpolate(noise, size=batch.shape[2:], mode="trilinear")
        batch = batch + noise
    return batch[0, 0]


def recolour(rng: np.random.Generator, image: Tensor, tissues: Tensor, strength_hu: float = 120.0) -> Tensor:
    """Give every tissue of a phantom another brightness, keeping its texture.

    Appearance then says nothing that the shapes do not say, as in SynthSeg (Billot et al. 2023).

    Args:
        rng: Source of randomness.
        image: ``(X, Y, Z)`` HU.
        tissues: ``(X, Y, Z)`` integer tissue numbers below 256.
        strength_hu: Standard deviation of the shift per tissue; air (0) keeps its value.
    """
    shifts: npt.NDArray[np.float32] = rng.normal(0, strength_hu, 256).astype(np.float32)
    shifts[0] = 0
    return image + torch.from_numpy(shifts)[tissues.long()]
