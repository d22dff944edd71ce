"""A second, fine look at the spine's region, chunk by chunk along the spine: bounded memory."""

from collections.abc import Iterator
from itertools import pairwise
from typing import Final

import numpy as np
import numpy.typing as npt

from spondyl.inference.run import Network, run_network
from spondyl.inference.segmentation import Piece
from spondyl.inference.ways import Ways
from spondyl.recipes.spondyl import SpondylRecipe
from spondyl.volume import Grid, Volume

__all__ = ["look_again"]

_MARGIN_MM: Final = ((50.0, 50.0), (80.0, 35.0), (45.0, 45.0))  # before and after, along R, A and S
_CHUNK_MM: Final = 200.0
_CONTEXT_MM: Final = 36.0


def look_again(
    scan: Volume,
    network: Network,
    recipe: SpondylRecipe,
    centroids_mm: npt.NDArray[np.float64],
    ways: Ways,
) -> Iterator[Piece]:
    """Run the segmentation stage around the centroids.

    Args:
        scan: RAS, HU.
        network: Of the segmentation stage.
        recipe: The recipe.
        centroids_mm: ``(n, 3)`` RAS mm, at least one.
        ways: Of the identification stage, for networks that see none.
    """
    stage = recipe.segmentation
    stride = 2 ** (len(stage.widths) - 1)
    target = scan.grid.resampled(stage.spacing_mm)
    places = target.to_voxel(centroids_mm)
    region = _box(target, places)
    scan = _around(scan, target.cropped(*region)).averaged(stage.spacing_mm)
    chunk, context = (round(length / stage.spacing_mm) for length in (_CHUNK_MM, _CONTEXT_MM))
    reach = max(_MARGIN_MM[2]) / stage.spacing_mm
    lowest, highest = region[0][2], region[1][2]
    count = -(-(highest - lowest) // chunk)
    for low, high in pairwise(lowest + (highest - lowest) * n // count for n in range(count + 1)):
        here = places[(places[:, 2] > low - reach) & (places[:, 2] < high + reach)]
        if not len(here):  # a chunk between two that lie far apart
            continue
        (left, back, _), (right, front, _) = _box(target, here)  # a bent spine needs less room in parts
        bottom = max(low - context, lowest)
        grid = target.cropped((left, back, bottom), (right, front, min(high + context, highest)))
        (fine, *_), padded = run_network(scan, grid, network, recipe, stride)
        finer = Ways.of(fine, padded) if stage.offsets else ways
        yield Piece(Volume(fine[0], padded), finer, (low - bottom, high - bottom))


def _around(scan: Volume, region: Grid) -> Volume:
    """The part of a scan that a region needs."""
    ends = np.array([(-1, -1, -1), region.shape])
    corners = scan.grid.to_voxel(region.to_world(ends))
    start = np.clip(np.floor(corners.min(axis=0)).astype(int), 0, scan.grid.shape)
    stop = np.clip(np.ceil(corners.max(axis=0)).astype(int) + 1, start + 1, scan.grid.shape)
    return scan.cropped(start.tolist(), stop.tolist())


def _box(target: Grid, places: npt.NDArray[np.float64]) -> tuple[list[int], list[int]]:
    """First voxel and the one behind the last of a box around places, as far as it lies in the grid."""
    before, after = np.array(_MARGIN_MM).T / target.spacing_mm
    start = np.maximum(np.floor(places.min(axis=0) - before), 0).astype(int)
    stop = np.minimum(np.ceil(places.max(axis=0) + after) + 1, target.shape).astype(int)
    return start.tolist(), stop.tolist()
