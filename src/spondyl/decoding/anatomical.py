"""From candidates to a numbered spine: exact dynamic programming over what anatomy allows.

A path picks some of the candidates, head to foot, and gives each a level. Its score is the
networks' evidence for the candidates and levels plus the log-likelihood of the steps between
them. Neighbours are consecutive levels; a missed vertebra, T13, L6 and an absent T12 are allowed
at a price. Paths that agree wherever both stop are one reading of the spine: whether one more is found
at an end changes no name. The best path and the best ones that disagree with it are found by Viterbi;
the probabilities of readings and names come from all paths (forward-backward). The likeliest reading
is the answer, the others are its alternatives.
"""

from bisect import bisect
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
import numpy.typing as npt

from spondyl.anatomy import ORDER
from spondyl.decoding.anchors import anchors
from spondyl.decoding.moves import DecodingSettings, moves
from spondyl.decoding.numbering import describe_change
from spondyl.decoding.paths import (
    Links,
    Path,
    agree,
    agreeing,
    best_path,
    links,
    log_total,
    other_paths,
    posterior,
)
from spondyl.spine import Numbering

__all__ = ["Candidate", "DecodedSpine", "DecodingSettings", "decode"]

FloatArray = npt.NDArray[np.float64]

_WORTH_SAYING: Final = 1e-3


@dataclass(frozen=True, eq=False)
class Candidate:
    """Something that may be a vertebra.

    Attributes:
        centroid_mm: ``(3,)`` RAS mm.
        presence: How likely it is one, in (0, 1).
        level_log_probability: ``(28,)``, index = VerSe number minus one.
    """

    centroid_mm: FloatArray
    presence: float
    level_log_probability: FloatArray


@dataclass(frozen=True, eq=False)
class DecodedSpine:
    """The chosen candidates and their numbering.

    Attributes:
        chosen: Indices into the candidates, head to foot.
        labels: VerSe number of each.
        probabilities: How likely each label is right, whichever other candidates are vertebrae.
        probability: How likely the whole numbering is; no more than any of ``probabilities``.
        alternatives: Next best numberings, most likely first; disjoint, so that chances add up.
        anchors: Landmarks that tell the numbering from a shift by one level, see
            :func:`spondyl.decoding.anchors.anchors`.
    """

    chosen: tuple[int, ...]
    labels: tuple[int, ...]
    probabilities: tuple[float, ...]
    probability: float
    alternatives: tuple[Numbering, ...]
    anchors: tuple[str, ...] = ()


def decode(
    candidates: Sequence[Candidate], settings: DecodingSettings | None = None, alternatives: int = 4
) -> DecodedSpine:
    """Choose and number candidates.

    Args:
        candidates: In any order.
        settings: Prices and weights.
        alternatives: How many other numberings to return at most.
    """
    settings = settings or DecodingSettings()
    if not candidates:
        return DecodedSpine((), (), (), 1.0, ())
    order = sorted(range(len(candidates)), key=lambda i: -candidates[i].centroid_mm[2])
    points = np.array([candidates[i].centroid_mm for i in order])
    evidence = np.array([_evidence(candidates[i], settings) for i in order])
    presence = np.clip([candidates[i].presence for i in order], 1e-4, 1 - 1e-4)
    stops = evidence + np.log(presence / (1 - presence))[:, None]
    between = links(points, 1.0, settings)
    between = links(points, _size_factor(points, best_path(stops, between), settings), settings)
    best, *others = _readings(stops, between, alternatives)
    chances = posterior(stops, between)
    sure = tuple(float(chances[place, rank] / chances[place].sum()) for place, rank in best.path)
    labels = tuple(ORDER[rank] for _, rank in best.path)
    return DecodedSpine(
        tuple(order[place] for place, _ in best.path),
        labels,
        sure,
        min(best.probability, *sure),
        tuple(
            _numbering(other, best, stops, between) for other in others if other.probability >= _WORTH_SAYING
        ),
        anchors(evidence[[place for place, _ in best.path]], labels),
    )


@dataclass(frozen=True)
class _Reading:
    """All paths that agree with one, and with no better one: a numbering, whatever is found at its ends."""

    path: Path
    probability: float


def _readings(stops: FloatArray, between: Links, alternatives: int) -> list[_Reading]:
    """The reading of the best path, and the best that disagree with it; likeliest first."""
    total = log_total(stops, between)

    def chance(*paths: Path) -> float:
        return float(np.exp(log_total(agreeing(stops, *paths), between) - total))

    paths = [best_path(stops, between)]
    for path in other_paths(stops, between):
        if not any(agree(path, other) for other in paths):
            paths.append(path)
        if len(paths) > alternatives:
            break
    paths.sort(key=chance, reverse=True)
    readings = [
        _Reading(path, max(chance(path) - sum(chance(path, other) for other in paths[:n]), 0.0))
        for n, path in enumerate(paths)
    ]
    return sorted(readings, key=lambda reading: -reading.probability)


def _numbering(reading: _Reading, best: _Reading, stops: FloatArray, between: Links) -> Numbering:
    """What a reading calls the vertebrae of the best one."""
    chances = posterior(agreeing(stops, reading.path), between)
    places = [place for place, _ in best.path]
    called = tuple(
        ORDER[row.argmax()] if row.max() > 0.5 else 0  # so that no two have one name
        for row in chances[places]
    )
    labels = tuple(ORDER[rank] for _, rank in best.path)
    more = [(bisect(places, place), ORDER[rank]) for place, rank in reading.path if place not in places]
    return Numbering(called, reading.probability, describe_change(labels, called, more))


def _evidence(candidate: Candidate, settings: DecodingSettings) -> FloatArray:
    """``(28,)`` weighted log-ratio of each rank to knowing nothing; floored, no network is that sure."""
    by_rank = candidate.level_log_probability[np.array(ORDER) - 1]
    return np.asarray(settings.evidence * (np.maximum(by_rank, np.log(1e-4)) + np.log(28)))


def _size_factor(points: FloatArray, path: Path, settings: DecodingSettings) -> float:
    """How large this patient is against the mean, drawn towards 1 when few steps are seen."""
    expected = {(m.start, m.stop): m.length_mm for m in moves(settings)}
    ratios = [
        float(np.linalg.norm(points[lower] - points[upper])) / expected[start, stop]
        for (upper, start), (lower, stop) in pairwise(path)
    ]
    weight = len(ratios) / (len(ratios) + 2)
    return float(np.clip(1 + weight * (np.median(ratios) - 1), 0.7, 1.3)) if ratios else 1.0
