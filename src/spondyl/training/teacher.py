"""Masks of scans that only have centroids, as far as a trained model is sure of them.

The model says which voxels are vertebra; which vertebra, the hand-placed centroids say. What it is
not sure of stays unknown. A finer network can then learn real posterior elements, which no
annotation shows it, beside the exact masks of phantoms.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from spondyl.errors import ModelError
from spondyl.inference.engines import load_engine
from spondyl.inference.evidence import Evidence, identify
from spondyl.inference.run import run_network
from spondyl.models import Model
from spondyl.recipes import recipe_from
from spondyl.recipes.spondyl import SpondylRecipe
from spondyl.training.corpus import UNKNOWN, TrainingCase
from spondyl.volume import Grid, Volume

__all__ = ["MapsOf", "taught", "teacher"]

MapsOf = Callable[[Volume, Grid], tuple[Volume, Evidence]]
"""From a scan (RAS, HU) and a region of it to what a model says there: logits of vertebra, the finest it
has, and what its identification stage knows."""

_NEAR_MM: Final = 80.0
_BELONGS_MM: Final = 12.0
_BONE_HU: Final = 250.0
_EMPTY_HU: Final = 0.0
_TIP_MM: Final = 12.0  # bone this near may be the tip of a process that the teacher cuts short


def teacher(model: Model) -> MapsOf:
    """The networks of a model as a teacher: where vertebra is, its segmentation stage says if it has one.

    Args:
        model: Of the recipe ``spondyl``.

    Raises:
        ModelError: it is of another recipe.
    """
    recipe = recipe_from(model.info.recipe, str(model.folder))
    if not isinstance(recipe, SpondylRecipe):
        raise ModelError(f"{model.folder}: recipe {model.info.recipe['name']!r} found, 'spondyl' expected")
    # torch, because other engines' threads must not run where loaders fork
    engine = load_engine(model, "identification", "torch")
    fine = load_engine(model, "segmentation", "torch") if "segmentation" in model.info.stages else None

    def maps_of(scan: Volume, region: Grid) -> tuple[Volume, Evidence]:
        evidence = identify(scan, region.resampled(recipe.identification.spacing_mm), engine.run, recipe)
        if fine is None:
            return Volume(evidence.vertebra, evidence.grid), evidence
        stage = recipe.segmentation
        grid, stride = region.resampled(stage.spacing_mm), 2 ** (len(stage.widths) - 1)
        (answer, *_), padded = run_network(scan, grid, fine.run, recipe, stride)
        return Volume(answer[0], padded), evidence

    return maps_of


def taught(case: TrainingCase, maps_of: MapsOf) -> TrainingCase:
    """A case whose unknown voxels carry labels where the teacher is sure.

    Args:
        case: Prepared from centroids; one with an exact mask is returned as it is.
        maps_of: The teacher.
    """
    if case.exact:
        return case
    present = np.flatnonzero(np.isfinite(case.centroids_mm[:, 0]))
    centroids_mm = case.centroids_mm[present]
    box = _box(case.grid, centroids_mm)
    region = case.grid.cropped([s.start for s in box], [s.stop for s in box])
    hu, labels = case.image[box], case.labels.copy()
    seen, maps = maps_of(Volume(case.image, case.grid), region)
    logits = seen.resampled(region, fill=-10.0).data
    vertebra = (logits > 1) & (hu > _EMPTY_HU) | (logits > -1) & (hu > _BONE_HU)
    tip = (hu > _BONE_HU) & (_distance_mm(vertebra, region) < _TIP_MM)
    nothing = (logits < -3) & ~tip | (logits < 0) & (hu < _EMPTY_HU)
    part = labels[box]
    unknown = part == UNKNOWN
    part[unknown & nothing] = 0
    found = np.argwhere(unknown & vertebra)
    world = region.to_world(found)
    distances = np.linalg.norm(maps.ways.aims(world)[:, None] - centroids_mm[None], axis=-1)
    belongs = distances.min(axis=1) < _BELONGS_MM
    owner = present[distances.argmin(axis=1)].astype(np.uint8)
    part[tuple(found[belongs].T)] = owner[belongs]
    return replace(case, labels=labels)


def _distance_mm(where: npt.NDArray[np.bool_], grid: Grid) -> npt.NDArray[np.float64]:
    """From each voxel to the nearest one of some; infinite if there is none."""
    if not where.any():
        return np.full(where.shape, np.inf)
    return np.asarray(ndimage.distance_transform_edt(~where, sampling=grid.spacing_mm))


def _box(grid: Grid, centroids_mm: npt.NDArray[np.float64]) -> tuple[slice, slice, slice]:
    """Voxels within reach of the centroids."""
    places = grid.to_voxel(centroids_mm)
    reach = _NEAR_MM / np.array(grid.spacing_mm)
    start = np.maximum(np.floor(places.min(axis=0) - reach), 0).astype(int)
    stop = np.minimum(np.ceil(places.max(axis=0) + reach) + 1, grid.shape).astype(int)
    x, y, z = (slice(int(a), int(b)) for a, b in zip(start, stop, strict=True))
    return x, y, z
