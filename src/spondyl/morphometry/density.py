"""Density of spongy bone, in a region like the one that radiologists draw."""

from typing import Final

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from spondyl.morphometry.frame import FloatArray
from spondyl.morphometry.result import Measurement
from spondyl.morphometry.sampling import Sampler, hu_block
from spondyl.morphometry.shape import Shape
from spondyl.spine import Flag
from spondyl.volume import Volume

__all__ = ["CONTRAST", "has_contrast", "trabecular_hu"]

_SEMI_AXES: Final = (0.5, 0.36, 0.22)  # of half width, half depth, height
_FORWARD: Final = 0.2  # of the half depth: away from the basivertebral veins
_MOVES_MM: Final = 1.0
_LEAST_POINTS: Final = 40
_SHOWN: Final = 0.98

_OUTSIDE: Final = Flag("partly_visible", "The region lies partly outside the scan.")
_SMALL: Final = Flag(
    "region_too_small", "The body is too small or too flat for a region inside its spongy bone."
)
_COARSE: Final = Flag("coarse_voxels", "Voxels are so large that compact bone would reach into the region.")
CONTRAST: Final = Flag(
    "contrast",
    "Vessels seem to hold contrast medium, which raises the density by some 5 to 15 HU.",
)

_AHEAD_MM: Final = (4.0, 44.0)
_ASIDE_MM: Final = 40.0
_CONTRAST_HU: Final = (120.0, 500.0)
_CONTRAST_MM3: Final = 1500.0


def trabecular_hu(sampler: Sampler, shape: Shape, remarks: tuple[Flag, ...] = ()) -> Measurement:
    """Mean HU of the spongy bone.

    The region is an elliptic disc in the vertebra's own axes, at half height in the front half of
    the body (after Pickhardt et al., Ann Intern Med 2013; 158: 588): half as wide as the body, a
    third as deep, 44 % as tall, so that compact bone and the basivertebral veins stay outside. The
    uncertainty joins the noise of the mean and its change when the region moves by 1 mm.
    """
    walls = shape.walls
    semi = np.array([walls.width / 2, walls.depth / 2, walls.height]) * _SEMI_AXES
    centre = walls.centre + np.array([0, _FORWARD * walls.depth / 2, 0])
    axes = [c + np.arange(-_reach(s) - 2, _reach(s) + 3) for c, s in zip(centre, semi, strict=True)]
    if not _has_room(shape, centre, semi):
        return Measurement.refusal("HU", _COARSE)
    block = sampler.block(shape.frame, *axes)
    region = _region(axes, centre, semi)
    if region.sum() < _LEAST_POINTS or float((block.mask[region] > 0.5).mean()) < _SHOWN:
        return Measurement.refusal("HU", _SMALL)
    if np.isnan(block.hu[region]).any():
        return Measurement.refusal("HU", _OUTSIDE)
    values = block.hu[region]
    moved = []
    for axis in range(3):
        for sign in (-1.0, 1.0):
            shift = np.zeros(3)
            shift[axis] = sign * _MOVES_MM
            moved.append(float(np.nanmean(block.hu[_region(axes, centre + shift, semi)])))
    independent = max(len(values) / (8 * shape.spacing_mm**3), 1.0)  # noise is alike over about two voxels
    noise = float(values.std()) / np.sqrt(independent)
    return Measurement(float(values.mean()), "HU", float(np.hypot(noise, np.std(moved))), remarks=remarks)


def _has_room(shape: Shape, centre: FloatArray, semi: FloatArray) -> bool:
    """Whether a voxel fits between the region and compact bone in front and at the endplates."""
    walls = shape.walls
    ahead = walls.front - centre[1] - semi[1]
    above = walls.height / 2 - semi[2]
    return bool(ahead >= shape.spacing_front_mm and above >= shape.spacing_up_mm)


def _reach(semi: float) -> int:
    return int(np.ceil(semi))


def _region(axes: list[FloatArray], centre: FloatArray, semi: FloatArray) -> npt.NDArray[np.bool_]:
    """Points of an elliptic disc."""
    u, v, w = np.meshgrid(*axes, indexing="ij")
    oval = ((u - centre[0]) / semi[0]) ** 2 + ((v - centre[1]) / semi[1]) ** 2 <= 1
    return np.asarray(oval & (np.abs(w - centre[2]) <= semi[2]))


def has_contrast(volume: Volume, shape: Shape) -> bool:
    """Whether vessels before a lumbar vertebra are bright: 1.5 ml of even 120-500 HU without bone.

    Looked for where the aorta and the vena cava run, 4 to 44 mm before the body; chalk in their
    walls is too little, and bowel contrast mostly lies farther ahead.
    """
    walls = shape.walls
    u = np.arange(-_ASIDE_MM, _ASIDE_MM, 2.0)
    v = walls.front + np.arange(*_AHEAD_MM, 2.0)
    w = np.arange(walls.bottom, walls.top, 2.0)
    hu = hu_block(volume, shape.frame, u, v, w)
    even = ndimage.uniform_filter(np.nan_to_num(hu, nan=-1000.0), 3)
    bright = (even > _CONTRAST_HU[0]) & (even < _CONTRAST_HU[1])
    found, count = ndimage.label(bright)
    if not count:
        return False
    return bool(np.bincount(found.ravel())[1:].max() * 8.0 >= _CONTRAST_MM3)
