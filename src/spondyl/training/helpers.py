"""Other models that a training draws on: one to start from, one that draws masks for it."""

from dataclasses import dataclass
from typing import Final, Self

from spondyl.errors import ModelError
from spondyl.models import Model, Stage
from spondyl.networks.spine_unet import SpineUNet
from spondyl.recipes.spondyl import SpondylRecipe
from spondyl.training.options import RunOptions, model_named

__all__ = ["NOBODY", "Helpers"]


@dataclass(frozen=True)
class Helpers:
    """The models that the options of a training name.

    Attributes:
        init: Whose weights it starts from.
        teacher: Which draws masks for scans without one; only for segmentation.
    """

    init: Model | None = None
    teacher: Model | None = None

    @classmethod
    def of(cls, stage: Stage, recipe: SpondylRecipe, options: RunOptions) -> Self:
        """Read and check them, before any scan is prepared.

        Raises:
            ModelError: one cannot be read, or the weights to start from do not fit the recipe.
        """
        init = None if options.init is None else model_named(options.init)
        if init is not None:
            _check_fit(init, stage, recipe)
        teaches = options.teacher is not None and stage == "segmentation"
        return cls(init, model_named(options.teacher) if teaches and options.teacher else None)

    def about(self) -> dict[str, dict[str, str]]:
        """For the provenance: the name of each folder, and the fingerprint that tells it from all others."""
        models = {"init": self.init, "teacher": self.teacher}
        return {
            role: {"folder": model.folder.name, "fingerprint": model.fingerprint}
            for role, model in models.items()
            if model is not None
        }


NOBODY: Final = Helpers()


def _check_fit(init: Model, stage: Stage, recipe: SpondylRecipe) -> None:
    found = init.stage(stage).architecture
    wanted = SpineUNet.describe(recipe.stage(stage), len(recipe.hu_windows))
    other = [name for name in wanted if found.get(name) != wanted[name]]
    if other:
        there, here = (", ".join(f"{name} {of.get(name)}" for name in other) for of in (found, wanted))
        raise ModelError(
            f"{init.folder}: its {stage} network has {there}, the recipe asks for {here}; leave --init out,"
            " or train by the recipe of that model"
        )
