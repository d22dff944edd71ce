"""From a scan to a spine. No torch, unless its engine is asked for.

>>> import spondyl
>>> pipeline = spondyl.load_pipeline("saved_models/mine")          # doctest: +SKIP
>>> for path in scans:                                             # doctest: +SKIP
...     spine = pipeline(spondyl.read_image(path))
"""

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

from spondyl.errors import ModelError

if TYPE_CHECKING:
    from spondyl.inference.engines import EngineName, Precision
    from spondyl.inference.tiling import Progress
    from spondyl.models import Model
    from spondyl.spine import Spine
    from spondyl.volume import Volume

__all__ = ["Pipeline", "load_pipeline", "predict"]

_PIPELINES: Final = {
    "spinefinder": "spondyl.inference.spinefinder:SpinefinderPipeline",
    "spondyl": "spondyl.inference.spondyl:SpondylPipeline",
}
"""Recipe name to the class that runs it; made by its ``from_model(model, engine=, threads=, precision=)``."""


class Pipeline(Protocol):
    """Everything between a scan and its spine. Holds its networks, so make it once for many scans."""

    def __call__(self, volume: "Volume", *, progress: "Progress | None" = None) -> "Spine":
        """Find, name and segment the vertebrae of one scan.

        Args:
            volume: A CT in HU, any orientation, spacing and field of view.
            progress: Called with (pieces done, pieces in all).

        Returns:
            Vertebrae in RAS+ mm with a mask on the grid of ``volume``; empty if none is found.
        """
        ...


def load_pipeline(
    model: "Path | str | Model | None" = None,
    *,
    engine: "EngineName" = "auto",
    threads: int | None = None,
    precision: "Precision" = "f32",
    measurements: bool = True,
) -> Pipeline:
    """Make the pipeline that a model's recipe names; its results are checked and measured.

    Args:
        model: A model folder, or a model that was read (or combined); ``None`` is the model that
            ships with Spondyl.
        engine: What runs the networks, see :func:`spondyl.inference.engines.load_engine`.
        threads: CPU threads; ``None`` leaves it to the engine.
        precision: ``"f32"``, or ``"bf16"`` for speed.
        measurements: Measure the vertebrae found, see :mod:`spondyl.morphometry`; about 0.1 s each.

    Raises:
        ModelError: the model cannot be read, or its recipe is unknown.
        MissingDependencyError: the engine is not installed.
    """
    from spondyl.inference.examined import ExaminedPipeline
    from spondyl.models import Model, default_model_folder, read_model

    if not isinstance(model, Model):
        model = read_model(default_model_folder() if model is None else model)
    name = model.info.recipe["name"]
    if name not in _PIPELINES:
        raise ModelError(
            f"{model.folder}: no pipeline for the recipe {name!r}; expected one of {', '.join(_PIPELINES)}"
        )
    module, _, attribute = _PIPELINES[name].partition(":")
    kind: Any = getattr(import_module(module), attribute)
    pipeline: Pipeline = kind.from_model(model, engine=engine, threads=threads, precision=precision)
    return ExaminedPipeline(pipeline, measurements=measurements)


def predict(
    image: "Path | str | Volume", model: "Path | str | Model | None" = None, engine: "EngineName" = "auto"
) -> "Spine":
    """Find, name and segment the vertebrae of one scan.

    For many scans make a pipeline once, with :func:`load_pipeline`.

    Args:
        image: A scan file, or a CT in HU.
        model: As for :func:`load_pipeline`.
        engine: As for :func:`load_pipeline`.

    Returns:
        Vertebrae in RAS+ mm with a mask on the scan's own grid, checked and measured.

    Raises:
        ImageError: the scan cannot be read.
        ModelError: the model cannot be used.
    """
    from spondyl.io import read_image
    from spondyl.volume import Volume

    volume = image if isinstance(image, Volume) else read_image(image)
    return load_pipeline(model, engine=engine)(volume)
