"""Training patches drawn without end from prepared cases."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional
from torch.utils.data import Dataset

from spondyl.augment.field_of_view import Box, sample_field_of_view
from spondyl.augment.intensity import apply_intensity, recolour, sample_intensity
from spondyl.augment.spatial import SpatialMap, backward_map, sample_spatial
from spondyl.recipes.spondyl import SpondylRecipe, StageSettings
from spondyl.training.corpus import AIR_HU, UNKNOWN, TrainingCase

__all__ = ["Patch", "PatchStream", "draw_patch", "to_channels"]

_BLOB_MM = 9.0  # twice the width of the heat around a centroid


@dataclass(frozen=True, eq=False)
class Patch:
    """One training example of shape ``(X, Y, Z)``; batches add a leading axis.

    Attributes:
        image: ``(channels, X, Y, Z)`` float32 in 0..1.
        labels: uint8 VerSe numbers, 0 background, :data:`~spondyl.training.corpus.UNKNOWN`.
        heat: float32 0..1, 1 at body centres.
        offsets: ``(3, X, Y, Z)`` float16, millimetres in patch axes from each voxel to the
            centroid of its vertebra, NaN where that is not annotated, as of many that the border cuts;
            meaningful where ``labels`` is a vertebra.
    """

    image: Tensor
    labels: Tensor
    heat: Tensor
    offsets: Tensor


def to_channels(hu: Tensor, windows: Sequence[tuple[float, float]]) -> Tensor:
    """``(..., X, Y, Z)`` HU to ``(..., channels, X, Y, Z)`` in 0..1, one channel per window."""
    return torch.stack([((hu - low) / (high - low)).clamp(0, 1) for low, high in windows], dim=-4)


def draw_patch(
    case: TrainingCase, recipe: SpondylRecipe, stage: StageSettings, rng: np.random.Generator
) -> Patch:
    """Draw one augmented patch around a random vertebra of a case."""
    shape = stage.patch_vox
    present = case.centroids_mm[np.isfinite(case.centroids_mm[:, 0])]
    # A random vertebra comes to lie at a random place of the patch.
    place_vox = np.array(shape) * rng.uniform((0.3, 0.3, 0.08), (0.7, 0.7, 0.92))
    place_mm = (place_vox - (np.array(shape) - 1) / 2) * stage.spacing_mm
    spatial = sample_spatial(rng, recipe.augmentation, present[rng.integers(len(present))], place_mm)
    index = backward_map(spatial, shape, stage.spacing_mm, case.grid)
    image, heat = _interpolate(case, index)
    nearest, inside = _nearest(case, index)
    labels = torch.from_numpy(case.labels.reshape(-1))[nearest]
    if case.tissues is not None and rng.random() < recipe.augmentation.recolour:
        image = recolour(rng, image, torch.from_numpy(case.tissues.reshape(-1))[nearest])
    margin = round(20 / stage.spacing_mm)
    keep = slice(int(place_vox[2]) - margin, int(place_vox[2]) + margin)
    seen = sample_field_of_view(rng, shape, recipe.augmentation.field_of_view, keep)
    cut = torch.ones(shape, dtype=torch.bool)
    cut[seen] = False
    outside = cut | ~inside
    image = apply_intensity(image, sample_intensity(rng, recipe.augmentation))
    _forget_cut_centres(heat, case, spatial, seen, stage.spacing_mm)
    # Outside the field of view nothing can be known, and nothing may be invented.
    image[outside], labels[outside], heat[outside] = AIR_HU, 0, 0
    offsets = torch.zeros(3, 1, 1, 1, dtype=torch.float16)
    if stage.offsets:
        offsets = _offsets(case, index, labels, spatial.matrix)
    return Patch(to_channels(image, recipe.hu_windows), labels, heat, offsets)


def _forget_cut_centres(
    heat: Tensor, case: TrainingCase, spatial: SpatialMap, seen: Box, spacing_mm: float
) -> None:
    """Erase the heat of centroids that the cut leaves outside: half a vertebra is not to be claimed."""
    present = case.centroids_mm[np.isfinite(case.centroids_mm[:, 0])]
    middle = (np.array(heat.shape) - 1) / 2
    places = (present - spatial.centre_mm) @ np.linalg.inv(spatial.matrix).T / spacing_mm + middle
    reach = _BLOB_MM / spacing_mm
    for place in places:  # the elastic part moves them by less than the blob is wide
        if all(side.start - 0.5 <= p <= side.stop - 0.5 for side, p in zip(seen, place, strict=True)):
            continue
        low = np.maximum(np.floor(place - reach).astype(int), 0)
        high = np.minimum(np.ceil(place + reach).astype(int) + 1, heat.shape)
        if (low < high).all():
            heat[low[0] : high[0], low[1] : high[1], low[2] : high[2]] = 0


def _interpolate(case: TrainingCase, index: Tensor) -> tuple[Tensor, Tensor]:
    """Image (HU, air outside) and heat (0..1) by linear interpolation.

    Args:
        case: The case.
        index: ``(X, Y, Z, 3)`` voxel coordinates, last axis first.
    """
    sides = index.reshape(-1, 3)[:: max(1, index.shape[2] // 8)]  # a coarse look finds the box ...
    margin = 6  # ... and a margin covers what it missed
    size = np.array(case.image.shape)
    low = np.clip(np.floor(sides.amin(dim=0).numpy())[::-1].astype(int) - margin, 0, size - 2)
    high = np.clip(np.ceil(sides.amax(dim=0).numpy())[::-1].astype(int) + margin, low + 2, size)
    box = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
    stack = np.stack([case.image[box].astype(np.float32) - AIR_HU, case.heat[box].astype(np.float32)])
    # grid_sample wants -1..1 between the centres of the edge voxels.
    scale = (2.0 / (high - low - 1))[::-1].astype(np.float32)
    shift = (-1.0 - scale * low[::-1]).astype(np.float32)
    normalised = index * torch.from_numpy(scale.copy()) + torch.from_numpy(shift)
    sampled = functional.grid_sample(torch.from_numpy(stack)[None], normalised[None], align_corners=True)[0]
    return sampled[0] + AIR_HU, sampled[1] / 255


def _nearest(case: TrainingCase, index: Tensor) -> tuple[Tensor, Tensor]:
    """Flat index of the nearest voxel, and whether the position lies in the scan at all."""
    size_x, size_y, size_z = case.image.shape
    rounded = index.round()
    k, j, i = rounded.unbind(dim=-1)
    inside = (k >= 0) & (k < size_z) & (j >= 0) & (j < size_y) & (i >= 0) & (i < size_x)
    flat = (i * size_y + j).double() * size_z + k  # exact: below 2 ** 53
    return flat.masked_fill_(~inside, 0).long(), inside


def _offsets(case: TrainingCase, index: Tensor, labels: Tensor, matrix: npt.NDArray[np.float64]) -> Tensor:
    """Way from each voxel to its vertebra's centroid, in patch millimetres (elastic part ignored)."""
    table = torch.zeros(256, 3)
    table[:29] = torch.from_numpy(case.centroids_mm.astype(np.float32))
    affine = torch.from_numpy(case.grid.affine.astype(np.float32))
    back = torch.from_numpy(np.linalg.inv(matrix).astype(np.float32))
    known = torch.nonzero(((labels > 0) & (labels != UNKNOWN)).reshape(-1))[:, 0]
    positions = index.reshape(-1, 3)[known].flip(-1) @ affine[:3, :3].T + affine[:3, 3]
    offsets = torch.zeros(3, labels.numel(), dtype=torch.float16)
    ways = (table[labels.reshape(-1)[known].long()] - positions) @ back.T
    offsets[:, known] = ways.clamp_(-80, 80).T.half()
    return offsets.reshape(3, *labels.shape)


class PatchStream(Dataset[Patch]):
    """Patches without end, by number: the same number always gives the same patch.

    So whoever knows which numbers were used can go on exactly, on any number of processes.

    Args:
        cases: Prepared cases.
        weights: How often each is drawn, any positive scale.
        recipe: The recipe.
        stage: ``"detection"`` or ``"identification"``.
        seed: Of the whole stream.
    """

    def __init__(
        self,
        cases: Sequence[TrainingCase],
        weights: Sequence[float],
        recipe: SpondylRecipe,
        stage: str,
        seed: int,
    ) -> None:
        self.cases, self.recipe, self.settings, self.seed = cases, recipe, recipe.stage(stage), seed
        self.chances = np.array(weights, float) / np.sum(weights)

    def __getitem__(self, number: int) -> Patch:
        rng = np.random.default_rng([self.seed, number])
        case = self.cases[int(rng.choice(len(self.cases), p=self.chances))]
        return draw_patch(case, self.recipe, self.settings, rng)
