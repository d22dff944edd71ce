"""A toy annotated scan: bright blocks for bodies, small enough for tests in milliseconds."""

import numpy as np

from spondyl.anatomy import label_of
from spondyl.spine import Spine
from spondyl.volume import Grid, Volume

NAMES = ("T11", "T12", "L1", "L2")


def toy_scan(codes: str = "RAS", with_mask: bool = False) -> tuple[Volume, Spine]:
    """Four bodies of 24 x 20 x 18 mm, 28 mm apart, in a box of soft tissue at 2 x 2 x 3 mm."""
    grid = Grid.from_spacing((40, 44, 48), (2.0, 2.0, 3.0), "RAS")
    image = np.full(grid.shape, 40, np.int16)
    mask = np.zeros(grid.shape, np.uint8)
    world = grid.to_world(np.stack(np.meshgrid(*map(np.arange, grid.shape), indexing="ij"), axis=-1))
    centroids = {}
    for place, name in enumerate(NAMES):
        centre = np.array([40.0, 44.0, 116.0 - 28 * place])
        inside = (np.abs(world - centre) <= (12, 10, 9)).all(axis=-1)
        image[inside], mask[inside] = 400, label_of(name)
        centroids[label_of(name)] = centre
    spine = Spine.from_centroids(centroids, Volume(mask, grid).reoriented(codes) if with_mask else None)
    return Volume(image, grid).reoriented(codes), spine
