"""Recipes on the command line: a file or a name, and single values changed by options."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from spondyl.recipes.spinefinder import SpinefinderRecipe

__all__ = ["spinefinder_recipe"]


def spinefinder_recipe(name: str, changes: Mapping[str, Any]) -> "SpinefinderRecipe":
    """Load a reference recipe and change what the options say.

    Args:
        name: YAML file, or ``spinefinder``.
        changes: Values by section; those that are ``None`` change nothing.

    Raises:
        InputError: the recipe cannot be read, is another one, or does not take a value.
    """
    from spondyl.errors import InputError
    from spondyl.recipes import load_recipe, recipe_from
    from spondyl.recipes.spinefinder import SpinefinderRecipe

    recipe = load_recipe(name)
    if not isinstance(recipe, SpinefinderRecipe):
        raise InputError(f"{name}: a spinefinder recipe is needed here")
    values = recipe.model_dump()
    _update(values, changes)
    changed = recipe_from(values, "options")
    assert isinstance(changed, SpinefinderRecipe)
    return changed


def _update(values: dict[str, Any], changes: Mapping[str, Any]) -> None:
    for key, value in changes.items():
        if isinstance(value, Mapping):
            _update(values[key], value)
        elif value is not None:
            values[key] = value
