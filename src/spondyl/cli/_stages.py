"""What one model says about a scan, stage by stage, for the pictures of ``spondyl show``."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from spondyl.errors import ModelError
from spondyl.volume import Volume

if TYPE_CHECKING:
    from spondyl.inference.spinefinder import SpinefinderPipeline
    from spondyl.models import Model, Stage

__all__ = ["detect", "identify"]


def detect(folder: Path, volume: Volume) -> Volume:
    """Where a model finds vertebra: not 0, on any grid.

    A model of the reference recipe shows its detection network alone; any other its final mask.

    Raises:
        ModelError: the model cannot be read, or has no detection network.
    """
    from spondyl.models import read_model

    model = read_model(folder)
    if model.info.recipe["name"] != "spinefinder":
        return _final_mask(model, volume)
    pipeline = _alone(model, "detection")
    working = _working(pipeline, volume)
    return Volume(pipeline.detect(working.data).astype(np.uint8), working.grid)


def identify(folder: Path, volume: Volume, detection: Path | None = None) -> Volume:
    """Which level a model gives every voxel: VerSe numbers, on any grid.

    A folder with the identification network alone shows its answer everywhere, a whole model, or one
    with a detection network from elsewhere, only where vertebra is detected.

    Args:
        folder: Of the model.
        volume: A CT in HU.
        detection: Folder of the detection network, in the reference recipe.

    Raises:
        ModelError: a model cannot be read, or lacks its network.
    """
    from spondyl.models import combine, read_model

    model = read_model(folder)
    if detection is not None:
        model = combine(read_model(detection), model)
    if model.info.recipe["name"] != "spinefinder":
        return _final_mask(model, volume)
    pipeline = _alone(model, "identification")
    working = _working(pipeline, volume)
    where = np.ones(working.data.shape, bool)
    if "detection" in model.info.stages:
        where = _alone(model, "detection").detect(working.data)
    return Volume(pipeline.identify(working.data, where), working.grid)


def _alone(model: "Model", stage: "Stage") -> "SpinefinderPipeline":
    """The reference pipeline with one network, of which only that stage may be called."""
    from spondyl.inference.engines import load_engine
    from spondyl.inference.spinefinder import SpinefinderPipeline
    from spondyl.recipes import recipe_from
    from spondyl.recipes.spinefinder import SpinefinderRecipe

    recipe = recipe_from(model.info.recipe, str(model.folder))
    if not isinstance(recipe, SpinefinderRecipe):
        raise ModelError(f"{model.folder}: a model of the recipe 'spinefinder' expected")
    engine = load_engine(model, stage)
    return SpinefinderPipeline(engine, engine, recipe, model)


def _working(pipeline: "SpinefinderPipeline", volume: Volume) -> Volume:
    from spondyl.recipes.working import to_working

    return to_working(volume, pipeline.recipe.working)


def _final_mask(model: "Model", volume: Volume) -> Volume:
    from spondyl.inference import load_pipeline

    mask = load_pipeline(model, measurements=False)(volume).mask
    return mask or Volume(np.zeros(volume.grid.shape, np.uint8), volume.grid)
