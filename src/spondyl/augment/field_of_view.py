"""Cuts of the field of view, so that no level can be guessed from its place in the image."""

import numpy as np

__all__ = ["Box", "sample_field_of_view"]

Box = tuple[slice, slice, slice]


def sample_field_of_view(
    rng: np.random.Generator, shape: tuple[int, int, int], probability: float, keep: slice
) -> Box:
    """Draw the box of a patch that the scanner saw; what lies outside becomes air.

    Args:
        rng: Source of randomness.
        shape: Voxels of the patch.
        probability: Chance of a cut for each of the two ends along the spine; sides are cut
            a third as often and by at most a quarter, as spine-focused reconstructions do.
        keep: Voxels along the spine that stay, so that something is left to learn from.
    """
    sides = []
    for axis, length in enumerate(shape):
        along_spine = axis == 2
        chance = probability if along_spine else probability / 3
        most = (max(keep.start, 0), max(length - keep.stop, 0)) if along_spine else (length // 4,) * 2
        low, high = (int(rng.integers(0, n + 1)) if rng.random() < chance else 0 for n in most)
        sides.append(slice(low, length - high))
    return sides[0], sides[1], sides[2]
