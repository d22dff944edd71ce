"""The copy of a scan that a browser shows, and the mask on its grid.

A scan that is small enough is shown voxel by voxel. Of a larger one, the finest axes are halved
until it fits: a browser holds every voxel several times.
"""

import os
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from spondyl.io import read_mask, write_image
from spondyl.result import Result
from spondyl.server.layout import CaseFiles
from spondyl.volume import Grid, Volume

__all__ = ["MOST_ALONG", "factors_of", "reduced", "write_display_image", "write_display_mask"]

MOST_ALONG: Final = 2048
"""Voxels along an axis that every graphics card can hold (WebGL 2)."""


def factors_of(grid: Grid, most_voxels: int) -> tuple[int, int, int]:
    """How many voxels become one along each axis: powers of two, the finest axes first."""
    factors = np.ones(3, int)
    shape, spacing = np.array(grid.shape), np.array(grid.spacing_mm)
    while np.prod(shape // factors, dtype=float) > most_voxels:
        factors[np.argmin(np.where(shape >= 2 * factors, spacing * factors, np.inf))] *= 2
    while (shape // factors > MOST_ALONG).any():
        factors[shape // factors > MOST_ALONG] *= 2
    return int(factors[0]), int(factors[1]), int(factors[2])


def reduced(volume: Volume, factors: tuple[int, int, int]) -> Volume:
    """Means of blocks, int16; what does not fill a block at the end of an axis is left out.

    Args:
        volume: HU.
        factors: Size of a block, voxels along each axis; at most the shape.
    """
    if factors == (1, 1, 1):
        return Volume(_int16(volume.data), volume.grid)
    grid = _coarse(volume.grid, factors)
    inner = tuple(slice(0, n * f) for n, f in zip(grid.shape, factors, strict=True))
    pairs = [size for pair in zip(grid.shape, factors, strict=True) for size in pair]
    means = volume.data[inner].reshape(pairs).mean(axis=(1, 3, 5), dtype=np.float32)
    return Volume(_int16(means), grid)


def write_display_image(volume: Volume, files: CaseFiles, most_voxels: int) -> None:
    """Write the image a browser gets."""
    write_image(reduced(volume, factors_of(volume.grid, most_voxels)), files.image)


def write_display_mask(files: CaseFiles, result: Result, most_voxels: int) -> None:
    """Write the mask on the grid of the image; the result's own file, if that is the grid.

    Without a mask in the result, an empty one.
    """
    name = result.files.get("mask")
    factors = factors_of(result.grid, most_voxels)
    if name is not None and factors == (1, 1, 1):
        link = files.mask.with_name(".mask.nii.gz")
        link.unlink(missing_ok=True)
        os.link(files.result / name, link)
        link.replace(files.mask)
        return
    grid = _coarse(result.grid, factors)
    if name is None:
        mask = Volume(np.zeros(grid.shape, np.uint8), grid)
    else:
        mask = read_mask(files.result / name, result.grid).resampled(grid, order=0)
    write_image(mask, files.mask)


def _coarse(grid: Grid, factors: tuple[int, int, int]) -> Grid:
    """The grid of the blocks: voxel centres are the centres of the blocks."""
    step = np.array(factors, float)
    affine = grid.affine.copy()
    affine[:3, :3] *= step
    affine[:3, 3] = grid.to_world((step - 1) / 2)
    i, j, k = (n // f for n, f in zip(grid.shape, factors, strict=True))
    return Grid((i, j, k), affine)


def _int16(data: npt.NDArray[Any]) -> npt.NDArray[np.int16]:
    if data.dtype == np.int16:
        return np.asarray(data, np.int16)
    limits = np.iinfo(np.int16)
    return np.asarray(np.clip(np.rint(data), limits.min, limits.max), np.int16)
