"""Masks made of ellipsoids of known size, on any grid."""

import numpy as np

from spondyl.spine import Spine
from spondyl.volume import Grid, Volume

RADII_MM = (14.0, 11.0, 9.0)
CENTRES_MM = {19: (30, 24, 66), 28: (32, 26, 44), 20: (31, 22, 22)}


def blob_mask(grid, centres_mm=CENTRES_MM, radii_mm=RADII_MM):
    at = grid.to_world(np.stack(np.meshgrid(*[np.arange(n) for n in grid.shape], indexing="ij"), axis=-1))
    data = np.zeros(grid.shape, np.uint8)
    for label, centre in centres_mm.items():
        data[(((at - np.array(centre)) / radii_mm) ** 2).sum(axis=-1) <= 1] = label
    return Volume(data, grid)


def grid_around(spacing_mm=(1.0, 1.0, 1.0), codes="LPS", size_mm=(64, 48, 88)):
    """A grid over (0, 0, 0) to ``size_mm`` in RAS+ mm, stored in the directions ``codes``."""
    shape = [round(side / step) for side, step in zip(size_mm, spacing_mm, strict=True)]
    return Grid(tuple(shape), np.diag([*spacing_mm, 1.0])).reoriented(codes)


def blob_spine(grid):
    mask = blob_mask(grid)
    return Spine.from_centroids(CENTRES_MM, mask)
