"""Recipes: everything that describes a system, as data. A recipe on disk is a YAML file."""

from spondyl.recipes.base import (
    Spec,
    TrainingSpec,
    WorkingSpec,
    load_recipe,
    recipe_from,
    save_recipe,
)

__all__ = [
    "Spec",
    "TrainingSpec",
    "WorkingSpec",
    "load_recipe",
    "recipe_from",
    "save_recipe",
]
