"""What all pipelines share: timing their steps, saying what ran, the mask on the scan's own grid."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import spondyl
from spondyl.inference.engines import Engine
from spondyl.models import Model
from spondyl.volume import Grid, Volume

__all__ = ["StepTimer", "on_grid", "provenance"]


class StepTimer:
    """Wall-clock seconds of named steps.

    >>> timer = StepTimer()
    >>> with timer("detection"):
    ...     pass
    >>> list(timer.seconds)
    ['detection']
    """

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def __call__(self, step: str) -> Iterator[None]:
        """Time a block; a step named twice adds up."""
        start = time.perf_counter()
        try:
            yield
        finally:
            spent = time.perf_counter() - start
            self.seconds[step] = round(self.seconds.get(step, 0.0) + spent, 4)


def provenance(model: Model | None, engine: Engine, seconds: Mapping[str, float]) -> dict[str, Any]:
    """The part of :attr:`spondyl.spine.Spine.provenance` that all pipelines share.

    Args:
        model: The model, if it came from a folder.
        engine: What ran its networks.
        seconds: Duration of each step.

    Returns:
        JSON values, with the keys that :class:`spondyl.result.Result` documents.
    """
    return {
        "program": {"name": "spondyl", "version": spondyl.__version__},
        "model": None if model is None else _describe(model),
        "engine": {"name": engine.name, "device": engine.device, "precision": engine.precision},
        "timings_s": dict(seconds),
    }


def _describe(model: Model) -> dict[str, Any]:
    """Name, recipe and the hashes that tell one training from another."""
    hashes = {name: digest for stage in model.info.stages.values() for name, digest in stage.sha256.items()}
    return {
        "name": model.folder.name,
        "schema_version": model.info.schema_version,
        "recipe": model.info.recipe["name"],
        "sha256": hashes,
        "fingerprint": model.fingerprint,
    }


def on_grid(mask: Volume, grid: Grid) -> Volume:
    """A label map on a scan's own grid: turned, and where that is not enough resampled by nearest neighbour.

    Args:
        mask: Whole numbers, on the scan's grid turned or on a working grid of any orientation.
        grid: The scan's, as stored on disk.
    """
    # Turned first: between grids with the same axes, resampling is many times faster.
    turned = mask.reoriented(grid.codes)
    if turned.grid.is_close(grid):
        return Volume(turned.data, grid)
    return turned.resampled(grid, order=0)
