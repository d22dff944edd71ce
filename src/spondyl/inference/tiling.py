"""Walking a network through a volume patch by patch, keeping the central part of each patch.

The network sees ``patch`` voxels and its answer is kept for the ``step`` voxels in their middle,
so that no kept voxel lies at the rim of what the network saw. Patches start at
``-border, step - border, 2 * step - border ...`` with ``border = (patch - step) / 2``, as in the
reference system, until every voxel is kept once.
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import product
from math import ceil
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["Progress", "padded_shape", "read_box", "tile_starts", "walk"]

Progress = Callable[[int, int], None]
"""Called with (pieces done, pieces in all)."""

Network = Callable[[npt.NDArray[np.float32]], npt.NDArray[np.float32]]


def tile_starts(shape: Sequence[int], step: Sequence[int]) -> list[tuple[int, ...]]:
    """First kept voxel of every patch, the last axis fastest."""
    return list(product(*(range(0, n, s) for n, s in zip(shape, step, strict=True))))


def padded_shape(shape: Sequence[int], patch: Sequence[int], step: Sequence[int]) -> tuple[int, ...]:
    """Size of the box that all patches together cover."""
    return tuple(ceil(n / s) * s + p - s for n, p, s in zip(shape, patch, step, strict=True))


def read_box(
    data: npt.NDArray[Any], start: Sequence[int], size: Sequence[int], fill: float
) -> npt.NDArray[np.float32]:
    """The box of ``size`` voxels at ``start`` as float32; what lies outside the array is ``fill``."""
    box = np.full(tuple(size), fill, np.float32)
    source, target = [], []
    for first, n, limit in zip(start, size, data.shape, strict=True):
        low, high = max(first, 0), min(first + n, limit)
        if low >= high:
            return box
        source.append(slice(low, high))
        target.append(slice(low - first, high - first))
    box[tuple(target)] = data[tuple(source)]
    return box


def walk(
    network: Network,
    data: npt.NDArray[np.float32],
    patch: Sequence[int],
    step: Sequence[int],
    *,
    fill: float = 0.0,
    batch: int = 1,
    progress: Progress | None = None,
) -> Iterator[tuple[tuple[slice, ...], npt.NDArray[np.float32]]]:
    """Apply a network everywhere; every voxel of ``data`` is given exactly once.

    The answers are given piece by piece, so that a caller who needs one number per voxel never
    holds all channels of a whole volume.

    Args:
        network: ``(n, 1, *patch)`` float32 to ``(n, channels, *patch)``.
        data: ``(x, y, z)`` float32.
        patch: Voxels the network sees at once.
        step: Voxels kept of each patch; ``patch - step`` is even and not negative.
        fill: What the network sees outside the volume.
        batch: Patches given to the network together.
        progress: Called after every patch.

    Yields:
        Where in ``data``, and ``(channels, *size)`` there; pieces at the far edge are smaller
        than ``step``.

    Raises:
        ValueError: patch and step do not fit together.
    """
    border = [(p - s) // 2 for p, s in zip(patch, step, strict=True)]
    if any(s < 1 or p - s != 2 * b or b < 0 for p, s, b in zip(patch, step, border, strict=True)):
        raise ValueError(f"patch {tuple(patch)} must exceed step {tuple(step)} by an even number of voxels")
    starts = tile_starts(data.shape, step)
    for first in range(0, len(starts), batch):
        group = starts[first : first + batch]
        origins = [[a - b for a, b in zip(start, border, strict=True)] for start in group]
        patches = np.stack([read_box(data, origin, patch, fill) for origin in origins])[:, np.newaxis]
        for start, answer in zip(group, network(patches), strict=True):
            stop = [min(a + s, n) for a, s, n in zip(start, step, data.shape, strict=True)]
            where = tuple(slice(a, b) for a, b in zip(start, stop, strict=True))
            inner = (slice(b, b + e - a) for a, b, e in zip(start, border, stop, strict=True))
            yield where, answer[(slice(None), *inner)]
        if progress is not None:
            progress(first + len(group), len(starts))
