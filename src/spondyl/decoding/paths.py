"""Which candidates are vertebrae: paths through them, head to foot, with a level at each stop.

A path starts and ends at any candidates and passes over others. Its score is the sum of what its stops
and the links between them score; all scores are logarithms, minus infinity where not allowed.
"""

from collections.abc import Iterator, Mapping

import numpy as np
import numpy.typing as npt

from spondyl.decoding.moves import DecodingSettings, move_scores, slope_score

__all__ = [
    "Links",
    "Path",
    "agree",
    "agreeing",
    "best_path",
    "links",
    "log_total",
    "other_paths",
    "posterior",
]

FloatArray = npt.NDArray[np.float64]

Links = Mapping[tuple[int, int], FloatArray]
"""``(28, 28)`` scores by rank for each two candidates, the upper first, that may be neighbours."""

Stop = tuple[int, int]
"""Candidate and rank."""

Path = tuple[Stop, ...]
"""Head to foot."""

_NEAREST_MM = 5.0
_FAR = float(np.log(1e4))


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


def best_path(stops: FloatArray, between: Links) -> Path:
    """Viterbi: the best of all paths.

    Args:
        stops: ``(n, 28)`` score of each candidate as each rank.
        between: See :func:`links`.
    """
    best, back = _viterbi(stops, between)
    place, rank = divmod(int(best.argmax()), 28)
    return _traced(back, (place, rank))


def other_paths(stops: FloatArray, between: Links) -> Iterator[Path]:
    """The best path through each stop and each step from stop to stop, best first; some come repeatedly.

    Through steps, because the upper half of one path with the lower half of another is not the best through
    any stop. Paths less likely than the best by a factor of ten thousand are left out.

    Args:
        stops: ``(n, 28)`` score of each candidate as each rank, finite.
        between: See :func:`links`.
    """
    last = len(stops) - 1
    down, from_above = _viterbi(stops, between)
    # the same from the feet: candidates in reverse, and with them the order of the links
    mirrored = {(last - lower, last - upper): scores.T for (upper, lower), scores in between.items()}
    reverse, from_below = _viterbi(stops[::-1], dict(sorted(mirrored.items(), key=lambda link: link[0][1])))
    up = reverse[::-1]
    least = down.max() - _FAR
    through: list[tuple[float, Stop, Stop]] = []
    for (upper, lower), scores in between.items():
        total = down[upper][:, None] + scores + up[lower]
        through += [
            (float(total[start, stop]), (upper, start), (lower, stop))
            for start, stop in np.argwhere(total > least).tolist()
        ]
    alone = down + up - stops
    through += [
        (float(alone[place, rank]), (place, rank), (place, rank))
        for place, rank in np.argwhere(alone > least).tolist()
    ]
    for _, head, foot in sorted(through, key=lambda item: -item[0]):
        below = [(last - place, rank) for place, rank in _traced(from_below, (last - foot[0], foot[1]))]
        yield (*_traced(from_above, head), *below[::-1][head == foot :])


def log_total(stops: FloatArray, between: Links) -> float:
    """Logarithm of the sum over all paths, each the exponential of its score; minus infinity without any."""
    return float(_log_sum(_forward(stops, between).ravel(), axis=0))


def posterior(stops: FloatArray, between: Links) -> FloatArray:
    """How likely a path is to stop at each candidate as each rank, by forward-backward.

    Args:
        stops: ``(n, 28)`` score of each candidate as each rank; some finite.
        between: See :func:`links`; in the order it gives, by the lower one.

    Returns:
        ``(n, 28)`` probabilities.
    """
    above, below = _forward(stops, between), np.zeros_like(stops)
    for (upper, lower), scores in reversed(list(between.items())):
        through = _log_sum(scores + (stops[lower] + below[lower])[None, :], axis=1)
        below[upper] = np.logaddexp(below[upper], through)
    return np.exp(above + below - _log_sum(above.ravel(), axis=0))


def agree(one: Path, other: Path) -> bool:
    """Whether two paths give the stops that they share the same ranks, and share most of the shorter one."""
    ranks = dict(one)
    shared = [(place, rank) for place, rank in other if place in ranks]
    return 2 * len(shared) >= min(len(one), len(other)) and all(ranks[p] == rank for p, rank in shared)


def agreeing(stops: FloatArray, *paths: Path) -> FloatArray:
    """The scores without those that disagree with a path: with another rank at one of its stops."""
    scores = stops.copy()
    for path in paths:
        for place, rank in path:
            scores[place, np.arange(28) != rank] = -np.inf
    return scores


def _forward(stops: FloatArray, between: Links) -> FloatArray:
    """``(n, 28)`` logarithm of the sum over all paths that end in each stop."""
    above = stops.copy()
    for (upper, lower), scores in between.items():
        through = stops[lower] + _log_sum(above[upper][:, None] + scores, axis=0)
        above[lower] = np.logaddexp(above[lower], through)
    return above


def _viterbi(stops: FloatArray, between: Links) -> tuple[FloatArray, npt.NDArray[np.int_]]:
    """``(n, 28)`` score of the best path that ends in each stop, and ``(n, 28, 2)`` the stop before it."""
    best = stops.copy()
    back = np.full((*stops.shape, 2), -1)
    for (upper, lower), scores in between.items():
        through = best[upper][:, None] + scores
        origin = through.argmax(axis=0)
        value = through[origin, np.arange(28)] + stops[lower]
        better = value > best[lower]
        best[lower][better] = value[better]
        back[lower][better] = np.stack([np.full(28, upper), origin], axis=1)[better]
    return best, back


def _traced(back: npt.NDArray[np.int_], end: Stop) -> Path:
    """The path that ends in a stop, from its start on."""
    path = [end]
    while back[path[-1]][0] >= 0:
        place, rank = back[path[-1]].tolist()
        path.append((place, rank))
    return tuple(path[::-1])


def _log_sum(values: FloatArray, axis: int) -> FloatArray:
    """Logarithm of the sum of exponentials along an axis."""
    top = values.max(axis=axis, keepdims=True)
    top = np.where(np.isfinite(top), top, 0)
    with np.errstate(divide="ignore"):
        return np.asarray(np.log(np.exp(values - top).sum(axis=axis)) + top.squeeze(axis))
