"""Vertebrae that were not found between two that were.

A spine has no holes: where the numbering leaves out a level and the step is as long as two, the
vertebra is there, and only its candidate is missing. It gets the place at which its neighbours and
what is left of the heat map expect it.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Final

import numpy as np
import numpy.typing as npt

from spondyl.anatomy import levels_between
from spondyl.decoding.anatomical import Candidate, DecodedSpine
from spondyl.spine import Numbering
from spondyl.statistics import spine_statistics

__all__ = ["fill_gaps"]

FloatArray = npt.NDArray[np.float64]

_DOUBT: Final = 0.05  # a numbering likelier than this that knows of no gap forbids to fill it


def fill_gaps(
    decoded: DecodedSpine,
    candidates: Sequence[Candidate],
    refine: Callable[[FloatArray], FloatArray] = lambda place_mm: place_mm,
) -> tuple[DecodedSpine, list[Candidate]]:
    """Add the vertebrae that the numbering says were missed.

    Args:
        decoded: The numbered spine.
        candidates: Those it was chosen from.
        refine: From a place between two neighbours (RAS mm) to a better one nearby.

    Returns:
        The spine without holes, and the candidates with those added behind. An added one is as
        likely to be named right as the less certain of its neighbours, and has presence 0.
    """
    candidates = list(candidates)
    points = np.array([candidates[i].centroid_mm for i in decoded.chosen]).reshape(-1, 3)
    size = _size(points, decoded.labels)
    for above in reversed(range(len(decoded.labels) - 1)):  # from below, so that places above stay valid
        ends, pair = points[above : above + 2], (decoded.labels[above], decoded.labels[above + 1])
        count = _missed(ends, pair, size)
        doubted = any(
            _gap(other, above) != count and other.probability > _DOUBT for other in decoded.alternatives
        )
        if count == 0 or doubted:
            continue
        places = [refine(place) for place in _places(ends, pair)]
        unknown = np.full(28, -np.log(28))
        new = range(len(candidates), len(candidates) + count)
        candidates += [Candidate(place, 0.0, unknown) for place in places]
        decoded = _inserted(decoded, above + 1, tuple(new))
    return decoded, candidates


def _size(points: FloatArray, labels: Sequence[int]) -> float:
    """How large this patient is against the mean, by the steps from a level to the next."""
    lengths = np.linalg.norm(np.diff(points, axis=0), axis=1)
    ratios = [
        length / spine_statistics().distance_mm(*pair)
        for length, pair in zip(lengths, pairwise(labels), strict=True)
        if not levels_between(*pair)
    ]
    return float(np.median(ratios)) if ratios else 1.0


def _missed(ends: FloatArray, labels: tuple[int, int], size: float) -> int:
    """How many levels are missing between two neighbours: none if the step is too short for them."""
    count = len(levels_between(*labels))
    usual_mm = size * spine_statistics().distance_mm(*labels)
    long_enough = np.linalg.norm(ends[1] - ends[0]) > usual_mm * (count + 0.5) / (count + 1)
    return count if long_enough else 0


def _places(ends: FloatArray, labels: tuple[int, int]) -> list[FloatArray]:
    """Where the missing ones lie on the way between two neighbours."""
    usual_mm = spine_statistics().distance_mm
    shares = [usual_mm(labels[0], label) / usual_mm(*labels) for label in levels_between(*labels)]
    return [ends[0] + share * (ends[1] - ends[0]) for share in shares]


def _gap(other: Numbering, above: int) -> int | None:
    """How many levels a numbering leaves out below a vertebra; ``None`` where it lacks one of the two."""
    upper, lower = other.labels[above : above + 2]
    return len(levels_between(upper, lower)) if upper and lower else None


def _inserted(decoded: DecodedSpine, place: int, new: tuple[int, ...]) -> DecodedSpine:
    """The spine with candidates added before ``place``; numberings that know of no gap there go."""

    def numbered(labels: tuple[int, ...]) -> tuple[int, ...]:
        return (*labels[:place], *levels_between(labels[place - 1], labels[place]), *labels[place:])

    chances = decoded.probabilities
    chance = min(chances[place - 1], chances[place])
    kept: tuple[Numbering, ...] = tuple(
        replace(other, labels=numbered(other.labels))
        for other in decoded.alternatives
        if _gap(other, place - 1) == len(new)
    )
    return replace(
        decoded,
        chosen=(*decoded.chosen[:place], *new, *decoded.chosen[place:]),
        labels=numbered(decoded.labels),
        probabilities=(*chances[:place], *([chance] * len(new)), *chances[place:]),
        alternatives=kept,
    )
