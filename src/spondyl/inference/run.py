"""A network of the ``spondyl`` recipe over a box of a scan, stretch by stretch where the box is large."""

from collections.abc import Callable, Iterator
from typing import Final

import numpy as np
import numpy.typing as npt

from spondyl.recipes.spondyl import SpondylRecipe
from spondyl.volume import Grid, Volume

__all__ = ["AIR_HU", "Network", "run_network", "sigmoid"]

Network = Callable[[npt.NDArray[np.float32]], tuple[npt.NDArray[np.float32], ...]]
"""``(1, channels, X, Y, Z)`` to full-resolution and, if any, half-resolution logits."""

AIR_HU: Final = -1024.0

_MOST_VOX: Final = 3_000_000
"""Voxels that a network sees at once: it takes some 250 bytes for each. Few whole bodies have more."""

_CONTEXT_VOX: Final = 64
"""Seen beyond either end of a stretch, unless a stretch would be too short. More than the detection stage can
see, so that its answer is the same; and more than half a training patch of the identification stage."""


def run_network(
    scan: Volume, grid: Grid, network: Network, recipe: SpondylRecipe, stride: int
) -> tuple[list[npt.NDArray[np.float32]], Grid]:
    """Resample a scan onto a grid, padded with air to multiples of ``stride``, and run a network.

    Args:
        scan: RAS, HU.
        grid: RAS.
        network: Any network of the recipe.
        recipe: The recipe.
        stride: What its sides must be multiples of.

    Returns:
        The network's outputs without the batch axis, and the padded grid.
    """
    shape = [-(-n // stride) * stride for n in grid.shape]
    padded = grid.cropped((0, 0, 0), shape)
    outputs: list[npt.NDArray[np.float32]] = []
    for low, high, start, stop in _stretches(shape, stride):
        part = padded.cropped((0, 0, start), (*shape[:2], stop))
        answers = [answer[0] for answer in network(_channels(scan, part, recipe))]
        if (start, stop) == (0, shape[2]):
            return answers, padded
        for place, answer in enumerate(answers):
            coarser = part.shape[2] // answer.shape[3]
            if place == len(outputs):
                sides = (n // coarser for n in shape)
                outputs.append(np.empty((len(answer), *sides), np.float32))
            kept = answer[..., (low - start) // coarser : (high - start) // coarser]
            outputs[place][..., low // coarser : high // coarser] = kept
        del answers, answer, kept  # before the next stretch asks for as much
    return outputs, padded


def _stretches(shape: list[int], stride: int) -> Iterator[tuple[int, int, int, int]]:
    """Ranges of the third axis: what is kept (low, high), and what is seen for it (start, stop)."""
    height, most = shape[2], max(_MOST_VOX // (shape[0] * shape[1]), 1)
    if height <= most:
        yield 0, height, 0, height
        return
    context = min(_CONTEXT_VOX, max(most // 4 // stride, 1) * stride)
    count = -(-height // max(most - 2 * context, stride))
    size = -(-height // (count * stride)) * stride
    for low in range(0, height, size):
        high = min(low + size, height)
        yield low, high, max(low - context, 0), min(high + context, height)


def _channels(scan: Volume, grid: Grid, recipe: SpondylRecipe) -> npt.NDArray[np.float32]:
    """What a network sees, ``(1, channels, X, Y, Z)``: a channel in 0..1 for each window of HU."""
    image = scan.resampled(grid, fill=AIR_HU).data
    seen = np.empty((1, len(recipe.hu_windows), *image.shape), np.float32)
    for channel, (low, high) in zip(seen[0], recipe.hu_windows, strict=True):
        np.clip((image - low) / (high - low), 0, 1, out=channel)
    return seen


def sigmoid(logits: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Chances of logits."""
    with np.errstate(over="ignore"):
        return np.asarray(1 / (1 + np.exp(-logits)), np.float32)
