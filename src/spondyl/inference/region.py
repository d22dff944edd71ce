"""The part of a scan that the second stage sees: around the spine, and further where the spine goes on."""

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from spondyl.inference.run import Network, run_network, sigmoid
from spondyl.recipes.spondyl import SpondylRecipe
from spondyl.volume import Grid, Volume

__all__ = ["followed", "locate"]

_SURE: Final = 0.2
_LEAST: Final = 0.1
_MARGIN_MM: Final = (45.0, 70.0, 45.0)  # spinous processes reach far back
_NEAR_MM: Final = 30.0  # less than the margin: the outermost vertebra of the first stage is not near
_FURTHER_MM: Final = 150.0
_C1, _S2 = 1, 27


def locate(scan: Volume, network: Network, recipe: SpondylRecipe) -> Grid | None:
    """The spine's region on the identification grid, or ``None`` where no spine is seen.

    A network that is less sure of a scan than usual is taken at half of its own best.

    Args:
        scan: RAS, HU.
        network: Of the detection stage.
        recipe: The recipe.
    """
    stage = recipe.detection
    coarse = scan.grid.resampled(stage.spacing_mm)
    (fine,), grid = run_network(scan, coarse, network, recipe, 2 ** (len(stage.widths) - 1))
    heat = sigmoid(fine[1])
    least = np.clip(heat.max() / 2, _LEAST, _SURE)
    peaks = np.argwhere((heat > least) & (heat == ndimage.maximum_filter(heat, 3)))
    if not len(peaks):
        return None
    target = scan.grid.resampled(recipe.identification.spacing_mm)
    corners = target.to_voxel(grid.to_world(peaks))
    margin = np.array(_MARGIN_MM) / recipe.identification.spacing_mm
    return _cropped(target, corners.min(axis=0) - margin, corners.max(axis=0) + margin)


def followed(
    region: Grid, scan: Grid, centroids_mm: npt.NDArray[np.float64], labels: Sequence[int]
) -> Grid | None:
    """A longer region where the spine goes on beyond this one, or ``None``.

    The first stage can miss a part of the spine. Where the second finds a vertebra near the end of the
    region and the scan goes on, more of it is to be seen; C1 and S2 are ends of their own.

    Args:
        region: On the identification grid.
        scan: RAS, of the whole scan.
        centroids_mm: ``(n, 3)`` RAS mm, head to foot.
        labels: VerSe number of each.
    """
    if not len(labels):
        return None
    target = scan.resampled(region.spacing_mm)
    start = np.rint(target.to_voxel(region.to_world((0, 0, 0)))).astype(int)
    stop = start + region.shape
    near, further = (int(mm / region.spacing_mm[2]) for mm in (_NEAR_MM, _FURTHER_MM))
    head, foot = target.to_voxel(centroids_mm[[0, -1]])[:, 2]
    longer = [start.copy(), stop.copy()]
    if labels[0] != _C1 and stop[2] - 1 - head < near:
        longer[1][2] += further
    if labels[-1] != _S2 and foot - start[2] < near:
        longer[0][2] -= further
    result = _cropped(target, longer[0], longer[1] - 1)
    return None if result.shape == region.shape else result


def _cropped(target: Grid, low: npt.NDArray[np.floating], high: npt.NDArray[np.floating]) -> Grid:
    """The part of a grid from ``low`` up to and with ``high``, in voxels of its own."""
    start = np.maximum(np.floor(low), 0).astype(int)
    stop = np.minimum(np.ceil(high) + 1, target.shape).astype(int)
    return target.cropped(start.tolist(), stop.tolist())
