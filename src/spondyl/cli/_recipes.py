"""Recipes on the command line: a file or a name, and single values changed by options."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from spondyl.recipes.spinefinder import SpinefinderRecipe
    from spondyl.recipes.spondyl import SpondylRecipe

__all__ = ["chosen_recipe", "spinefinder_recipe"]


def spinefinder_recipe(name: str, changes: Mapping[str, Any]) -> "SpinefinderRecipe":
    """Load a reference recipe and change what the options say.

    Args:
        name: YAML file, or ``spinefinder``.
        changes: Values by section; those that are ``None`` change nothing.

    Raises:
        InputError: the recipe cannot be read, is another one, or does not take a value.
    """
    from spondyl.errors import InputError
    from spondyl.recipes.spinefinder import SpinefinderRecipe

    recipe = chosen_recipe(name, {"spinefinder": changes})
    if not isinstance(recipe, SpinefinderRecipe):
        raise InputError(
            f"{name}: samples are made by the recipe spinefinder; spondyl trains on scans, without samples"
        )
    return recipe


def chosen_recipe(name: str, changes: Mapping[str, Mapping[str, Any]]) -> "SpinefinderRecipe | SpondylRecipe":
    """Load any recipe and change what the options say.

    Args:
        name: YAML file, or the name of a recipe.
        changes: By recipe name, values by section; those that are ``None`` change nothing.

    Raises:
        InputError: the recipe cannot be read, an option belongs to another recipe, or a value
            is out of range.
    """
    from spondyl.errors import InputError
    from spondyl.recipes import load_recipe, recipe_from

    values = load_recipe(name).model_dump()
    own = changes.get(values["name"], {})
    foreign = {key for other in changes.values() for key in _given(other)} - _given(own)
    if foreign:
        names = ", ".join(f"--{key.replace('_', '-')}" for key in sorted(foreign))
        others = " or ".join(f"--recipe {other}" for other in changes if _given(changes[other]) & foreign)
        raise InputError(
            f"the recipe {values['name']!r} does not know {names}; leave it out, or add {others}"
        )
    _update(values, own)
    recipe: SpinefinderRecipe | SpondylRecipe = recipe_from(values, "options")  # type: ignore[assignment]
    return recipe


def _given(changes: Mapping[str, Any]) -> set[str]:
    """Names of the values that are not ``None``, whatever their section."""
    names: set[str] = set()
    for key, value in changes.items():
        names |= _given(value) if isinstance(value, Mapping) else {key} - ({key} if value is None else set())
    return names


def _update(values: dict[str, Any], changes: Mapping[str, Any]) -> None:
    for key, value in changes.items():
        if isinstance(value, Mapping):
            _update(values[key], value)
        elif value is not None:
            values[key] = value
