"""Which candidates are vertebrae: paths through them, head to foot, with a level at each stop.

A path starts and ends at any candidates and passes over others. Its score is the sum of what its stops
and the links between them score; all scores are logarithms, minus infinity where not allowed.
"""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from spondyl.decoding.moves import DecodingSettings, move_scores, slope_score
from spondyl.decoding.numbering import log_sum

__all__ = ["Links", "best_path", "links", "rank_chances"]

FloatArray = npt.NDArray[np.float64]

Links = Mapping[tuple[int, int], FloatArray]
"""``(28, 28)`` scores by rank for each two candidates, the upper first, that may be neighbours."""

_NEAREST_MM = 5.0


def links(points: FloatArray, size: float, settings: DecodingSettings) -> Links:
    """Scores of the steps between candidates.

    Args:
        points: ``(n, 3)`` RAS mm, head to foot.
        size: Of this patient against the mean.
        settings: Prices and weights.
    """
    found = {}
    for lower in range(len(points)):
        for upper in range(lower - 1, -1, -1):
            step = points[lower] - points[upper]
            length = float(np.linalg.norm(step))
            if _NEAREST_MM <= length <= settings.furthest_mm:
                found[upper, lower] = move_scores(length, size, settings) + slope_score(step, settings)
    return found


def best_path(stops: FloatArray, between: Links) -> tuple[list[int], list[int]]:
    """Viterbi: the candidates of the best path, head to foot, and their ranks.

    Args:
        stops: ``(n, 28)`` score of each candidate as each rank.
        between: See :func:`links`.
    """
    best = stops.copy()
    back = np.full((*stops.shape, 2), -1)
    for (upper, lower), scores in between.items():
        through = best[upper][:, None] + scores
        origin = through.argmax(axis=0)
        value = through[origin, np.arange(28)] + stops[lower]
        better = value > best[lower]
        best[lower][better] = value[better]
        back[lower][better] = np.stack([np.full(28, upper), origin], axis=1)[better]
    place, rank = np.unravel_index(best.argmax(), best.shape)
    path, ranks = [int(place)], [int(rank)]
    while back[path[-1], ranks[-1], 0] >= 0:
        before = back[path[-1], ranks[-1]]
        path.append(int(before[0]))
        ranks.append(int(before[1]))
    return path[::-1], ranks[::-1]


def rank_chances(stops: FloatArray, between: Links) -> FloatArray:
    """``(n, 28)`` probability of each rank of a candidate, given that it is a vertebra.

    Forward-backward over all paths, so that a vertebra too many or too few among the others counts.

    Args:
        stops: ``(n, 28)`` score of each candidate as each rank.
        between: See :func:`links`; in the order it gives, by the lower one.
    """
    above, below = stops.copy(), np.zeros_like(stops)
    for (upper, lower), scores in between.items():
        through = stops[lower] + log_sum(above[upper][:, None] + scores, axis=0)
        above[lower] = np.logaddexp(above[lower], through)
    for (upper, lower), scores in reversed(list(between.items())):
        through = log_sum(scores + (stops[lower] + below[lower])[None, :], axis=1)
        below[upper] = np.logaddexp(below[upper], through)
    joint = above + below
    return np.asarray(np.exp(joint - log_sum(joint, axis=1)[:, None]))
