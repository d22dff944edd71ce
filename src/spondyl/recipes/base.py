"""What all recipes share: the base classes, and reading and writing them as YAML."""

import os
import reprlib
from collections.abc import Mapping
from difflib import get_close_matches
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import yaml
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    ValidationError,
)

from spondyl.errors import InputError
from spondyl.io.atomic import write_text
from spondyl.io.documents import read_text

__all__ = ["Spec", "TrainingSpec", "WorkingSpec", "load_recipe", "recipe_from", "save_recipe"]

_HOMES: Final = {
    "spinefinder": "spondyl.recipes.spinefinder:SpinefinderRecipe",
    "spondyl": "spondyl.recipes.spondyl:SpondylRecipe",
}
"""Recipe name to the class that describes it."""


class Spec(BaseModel):
    """Base of every part of a recipe: immutable, and unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class WorkingSpec(Spec):
    """The working grid and intensities of the networks.

    Attributes:
        spacing_mm: Isotropic voxel size.
        orientation: Direction in which each array index grows.
        outside_hu: Value of what lies outside the scan after resampling.
        normalise: ``scan``: zero mean and unit variance over each scan, as the reference does;
            ``fixed``: ``(HU - mean_hu) / std_hu``, the same for all scans.
        mean_hu: For ``fixed``.
        std_hu: For ``fixed``.
        padding: Normalised value used where a scan is too small.
    """

    spacing_mm: PositiveFloat = 1.0
    orientation: Annotated[str, Field(pattern="^[RLAPSI]{3}$")] = "RAS"
    outside_hu: float = 0.0
    normalise: Literal["scan", "fixed"] = "scan"
    mean_hu: float = -50.0
    std_hu: PositiveFloat = 300.0
    padding: float = -5.0


class TrainingSpec(Spec):
    """How one network is trained.

    Attributes:
        epochs: Passes over the training samples.
        batch_size: Samples per step.
        learning_rate: Of Adam at the first step.
        decay: Learning rate at step ``n`` is ``learning_rate / (1 + decay * n)``.
        epsilon: Of Adam (Keras 1e-7, torch 1e-8).
        clip_norm: Largest norm of the gradient, or ``None`` for no limit.
        precision: ``bf16`` computes the forward pass in bfloat16 by autocast. On a CPU, torch 2.13
            gets gradients of 3-D convolutions wrong where a map is only 2 voxels wide.
        channels_last: Memory layout of images and weights; faster on most devices.
        keep: Which epoch becomes the model: the ``last``, as the reference does, or the ``best``
            by validation loss.
        recalibrate_batches: Training batches over which the batch-normalisation statistics are
            averaged anew before the model is written; 0 keeps those of the last steps.
    """

    epochs: PositiveInt = 50
    batch_size: PositiveInt = 16
    learning_rate: PositiveFloat = 1e-3
    decay: NonNegativeFloat = 1e-6
    epsilon: PositiveFloat = 1e-7
    clip_norm: PositiveFloat | None = None
    precision: Literal["f32", "bf16"] = "f32"
    channels_last: bool = False
    keep: Literal["last", "best"] = "last"
    recalibrate_batches: NonNegativeInt = 0


def recipe_from(content: Mapping[str, Any], source: str = "recipe") -> BaseModel:
    """The recipe described by plain values, e.g. those in ``model.json``.

    Args:
        content: ``name`` and whatever differs from the defaults of that recipe.
        source: Where the values come from, for messages.

    Raises:
        InputError: no such recipe, or a value that it does not take.
    """
    name = content.get("name")
    if not isinstance(name, str) or name not in _HOMES:
        raise InputError(
            f"{source}: recipe {reprlib.repr(name)} is unknown; name one of: {', '.join(_HOMES)}"
        )
    module, _, attribute = _HOMES[name].partition(":")
    kind: type[BaseModel] = getattr(import_module(module), attribute)
    defaults = kind().model_dump()
    try:
        return kind.model_validate(_merged(defaults, content))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        if first["type"] == "extra_forbidden":
            raise InputError(f"{source}: {where}: {_unknown(defaults, first['loc'])}") from error
        raise InputError(
            f"{source}: {where}: {first['msg']} (found {reprlib.repr(first['input'])})"
        ) from error


def _merged(defaults: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """``changes`` over ``defaults``, section by section, so that a recipe needs only what differs."""
    result = dict(defaults)
    for key, value in changes.items():
        old = result.get(key)
        both = isinstance(old, dict) and isinstance(value, Mapping)
        result[key] = _merged(old or {}, value) if both else value

    return result


def _unknown(defaults: Mapping[str, Any], place: tuple[int | str, ...]) -> str:
    """What to say of a name that a recipe does not have at this place."""
    known: Any = defaults
    for part in place[:-1]:
        known = known[part]
    names = [str(name) for name in known]
    near = get_close_matches(str(place[-1]), names, n=1)
    return f"unknown; did you mean {near[0]}?" if near else f"unknown; there are {', '.join(names)}"


class _Loader(yaml.SafeLoader):
    """Refuses a name given twice in one section, where YAML would forget the first."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        names = set()
        for key in (key for key, _ in node.value if isinstance(key, yaml.ScalarNode)):
            if key.value in names:
                raise yaml.constructor.ConstructorError(
                    None, None, f"{key.value} is given twice", key.start_mark
                )
            names.add(key.value)
        return super().construct_mapping(node, deep)


def load_recipe(path: Path | str) -> BaseModel:
    """Read a recipe from a YAML file, or take the defaults of a recipe by its name.

    Args:
        path: A YAML file with ``name`` and the values that differ from the defaults, or just the
            name of a recipe, e.g. ``"spinefinder"``.

    Raises:
        InputError: the file is missing, is no YAML, or holds values the recipe does not take.
    """
    if str(path) in _HOMES:
        return recipe_from({"name": str(path)})
    path = Path(path)
    if not os.access(path, os.F_OK):
        raise InputError(f"{path}: neither a YAML file nor a recipe; recipes are {', '.join(_HOMES)}")
    text = read_text(path, InputError)
    try:
        if any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(text, yaml.SafeLoader)):
            raise InputError(f"{path}: a recipe holds no YAML aliases (*name); write the values out")
        content = yaml.load(text, _Loader)  # noqa: S506 - a SafeLoader
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # ValueError: a day such as 2026-13-45
        raise InputError(f"{path}: the recipe is not YAML: {error}") from error
    if not isinstance(content, dict):
        raise InputError(f"{path}: a recipe is a YAML mapping with 'name', found {type(content).__name__}")
    return recipe_from(content, str(path))


def save_recipe(recipe: BaseModel, path: Path | str) -> None:
    """Write a recipe with all its values as YAML.

    Raises:
        OutputError: the file cannot be written.
    """
    write_text(path, yaml.safe_dump(recipe.model_dump(mode="json"), sort_keys=False))
