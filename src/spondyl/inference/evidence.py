"""What the networks of the ``spondyl`` recipe say about a scan, and the candidates in it."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from spondyl.decoding.anatomical import Candidate
from spondyl.inference.run import Network, run_network, sigmoid
from spondyl.inference.ways import Ways
from spondyl.recipes.spondyl import SpondylRecipe
from spondyl.volume import Grid, Volume

__all__ = ["Evidence", "find_candidates", "identify", "refined"]

_REST = 0.05  # squared heat, summed: what keeps an inferred place where its neighbours expect it


@dataclass(frozen=True, eq=False)
class Evidence:
    """What the networks say about the spine's region, on the working grid.

    Attributes:
        vertebra: ``(X, Y, Z)`` float32 logits.
        heat: ``(X, Y, Z)`` float32, 0..1, high at body centres.
        ways: From each voxel to the centroid of its vertebra.
        levels: ``(28, X/2, Y/2, Z/2)`` float32 logits.
        grid: Of the full-resolution maps.
    """

    vertebra: npt.NDArray[np.float32]
    heat: npt.NDArray[np.float32]
    ways: Ways
    levels: npt.NDArray[np.float32]
    grid: Grid


def identify(scan: Volume, region: Grid, network: Network, recipe: SpondylRecipe) -> Evidence:
    """Run the identification stage on the spine's region."""
    stage = recipe.identification
    outputs, grid = run_network(scan, region, network, recipe, 2 ** (len(stage.widths) - 1))
    fine, levels = outputs
    return Evidence(fine[0].copy(), sigmoid(fine[1]), Ways.of(fine, grid), levels, grid)


def find_candidates(evidence: Evidence, least: float = 0.08, apart_mm: float = 8.0) -> list[Candidate]:
    """Peaks of the heat map with the level evidence around them."""
    spacing = evidence.grid.spacing_mm[0]
    smooth = ndimage.gaussian_filter(evidence.heat, 0.6)
    peaks = np.argwhere((evidence.heat > least) & (smooth == ndimage.maximum_filter(smooth, 3)))
    kept: list[npt.NDArray[np.int_]] = []
    for peak in sorted(peaks, key=lambda p: -smooth[tuple(p)]):  # the higher of two near peaks stays
        if all(np.linalg.norm(peak - other) * spacing >= apart_mm for other in kept):
            kept.append(peak)
    return [_candidate(evidence, peak, spacing) for peak in kept]


def refined(
    evidence: Evidence, place_mm: npt.NDArray[np.float64], reach_mm: float = 6.0
) -> npt.NDArray[np.float64]:
    """A place (RAS mm) drawn towards the heat around it: not at all where there is none."""
    spacing = evidence.grid.spacing_mm[0]
    centre = evidence.grid.to_voxel(place_mm)
    start = np.maximum(np.ceil(centre - reach_mm / spacing), 0).astype(int)
    stop = np.minimum(np.floor(centre + reach_mm / spacing) + 1, evidence.heat.shape).astype(int)
    box = tuple(slice(a, max(b, a)) for a, b in zip(start, stop, strict=True))
    weights = np.square(evidence.heat[box])
    voxels = np.stack(np.meshgrid(*(np.arange(s.start, s.stop) for s in box), indexing="ij"), axis=-1)
    pull = (weights[..., None] * (voxels - centre)).sum(axis=(0, 1, 2)) / (weights.sum() + _REST)
    return evidence.grid.to_world(centre + pull)


def _candidate(evidence: Evidence, peak: npt.NDArray[np.int_], spacing: float) -> Candidate:
    """Refine a peak to the centre of its blob, and gather the levels of the voxels nearby."""
    window = 2
    start = np.maximum(peak - window, 0)
    stop = np.minimum(peak + window + 1, evidence.heat.shape)
    box = tuple(slice(a, b) for a, b in zip(start, stop, strict=True))
    weights = np.square(evidence.heat[box])
    centre = start + np.array(ndimage.center_of_mass(weights))
    presence = float(evidence.heat[tuple(peak)])
    return Candidate(evidence.grid.to_world(centre), presence, _levels_at(evidence, centre, spacing))


def _levels_at(
    evidence: Evidence, centre: npt.NDArray[np.float64], spacing: float
) -> npt.NDArray[np.float64]:
    """Log-probability of the 28 levels: mean of the logits under a Gaussian of 5 mm."""
    coarse = centre / 2  # a stride of two centres the half-resolution voxel c on voxel 2c
    shape = evidence.levels.shape[1:]
    start = np.clip(np.floor(coarse).astype(int) - 1, 0, np.array(shape) - 1)
    stop = np.minimum(np.floor(coarse).astype(int) + 3, shape)
    stop = np.maximum(stop, start + 1)
    axes = [np.arange(a, b) - c for a, b, c in zip(start, stop, coarse, strict=True)]
    squares = sum(np.square(a) for a in np.meshgrid(*axes, indexing="ij"))
    weights = np.exp(-squares * (2 * spacing) ** 2 / (2 * 5.0**2))
    box = tuple(slice(a, b) for a, b in zip(start, stop, strict=True))
    logits = (evidence.levels[(slice(None), *box)] * weights).sum(axis=(1, 2, 3)) / weights.sum()
    return np.asarray(logits - np.log(np.exp(logits - logits.max()).sum()) - logits.max(), np.float64)
