"""Samples for stage 1: boxes at random positions, voxels labelled vertebra or not."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from spondyl.recipes.spinefinder import SpinefinderRecipe
from spondyl.samples.making import Sample, ScanOutcome, make_samples
from spondyl.spine import Spine
from spondyl.volume import Volume

__all__ = ["draw_detection_samples", "make_detection_samples", "pad_behind"]


def make_detection_samples(
    dataset: Path | str,
    out: Path | str,
    recipe: SpinefinderRecipe,
    *,
    workers: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> list[ScanOutcome]:
    """Make the detection samples of a data set; see :func:`spondyl.samples.making.make_samples`."""
    wanted = recipe.detection.samples_per_scan
    return make_samples(
        dataset, out, recipe, draw_detection_samples, wanted, workers=workers, progress=progress
    )


def draw_detection_samples(
    working: Volume,
    labels: Volume,
    spine: Spine,  # noqa: ARG001  drawers take the same arguments
    recipe: SpinefinderRecipe,
    rng: np.random.Generator,
) -> Iterator[Sample]:
    """Boxes at random positions; all but a few must hold some vertebra.

    Args:
        working: Normalised intensities.
        labels: VerSe numbers on the same grid.
        spine: Not used.
        recipe: Its constants.
        rng: Source of randomness.

    Yields:
        Intensities ``(x, y, z)`` float32 and 0/1 labels, uint8. Fewer than asked for if no
        position qualifies within the bounded number of tries.
    """
    spec = recipe.detection
    image = pad_behind(working.data, spec.sample_shape, recipe.working.padding)
    vertebra = pad_behind((labels.data > 0).astype(np.uint8), spec.sample_shape, 0)
    room = np.array(image.shape) - spec.sample_shape
    empty = 0
    for _ in range(spec.samples_per_scan):
        for _ in range(spec.tries_per_sample):
            corner = np.round(room * rng.random(3)).astype(int)
            box = tuple(slice(c, c + n) for c, n in zip(corner, spec.sample_shape, strict=True))
            holds = bool(vertebra[box].any())
            if holds or empty < spec.empty_per_scan:
                empty += not holds
                yield image[box], vertebra[box]
                break


def pad_behind(data: npt.NDArray[Any], shape: Sequence[int], value: float) -> npt.NDArray[Any]:
    """Pad the ends of axes that are shorter than ``shape``."""
    short = [(0, max(n - have, 0)) for n, have in zip(shape, data.shape, strict=True)]
    return np.pad(data, short, constant_values=value) if np.any(short) else data
