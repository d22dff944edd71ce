"""From candidates to a numbered spine: exact dynamic programming over what anatomy allows.

A path picks some of the candidates, head to foot, and gives each a level. Its score is the
networks' evidence for the candidates and levels plus the log-likelihood of the steps between
them. Neighbours are consecutive levels; a missed vertebra, T13, L6 and an absent T12 are allowed
at a price. The best path is found by Viterbi; the probabilities of its names come from all paths
(forward-backward), the alternatives from list Viterbi over the chosen candidates.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from spondyl.anatomy import ORDER
from spondyl.decoding.anchors import anchors
from spondyl.decoding.moves import DecodingSettings, moves
from spondyl.decoding.numbering import best_numberings, describe_change, log_total
from spondyl.decoding.paths import best_path, links, rank_chances
from spondyl.spine import Numbering

__all__ = ["Candidate", "DecodedSpine", "DecodingSettings", "decode"]

FloatArray = npt.NDArray[np.float64]


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
        alternatives: Next best numberings, most likely first.
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
    path, ranks = best_path(stops, links(points, 1.0, settings))
    size = _size_factor(points[path], ranks, settings)
    between = links(points, size, settings)
    path, _ = best_path(stops, between)
    steps = [between[pair] for pair in pairwise(path)]
    chances = rank_chances(stops, between)[path]
    ranked = best_numberings(evidence[path], steps, alternatives + 1)
    best = ranked[0][0]
    total = log_total(evidence[path], steps)
    sure = tuple(float(chances[i, rank]) for i, rank in enumerate(best))
    among = float(np.exp(ranked[0][1] - total))  # of the numberings of these vertebrae
    probability = min(among, *sure)
    others = tuple(
        Numbering(
            tuple(ORDER[rank] for rank in ranks),
            float(np.exp(score - total)) * probability / among,
            describe_change(best, ranks),
        )
        for ranks, score in ranked[1:]
        if score - total > np.log(1e-3)
    )
    return DecodedSpine(
        tuple(order[i] for i in path),
        tuple(ORDER[rank] for rank in best),
        sure,
        probability,
        others,
        anchors(evidence[path], [ORDER[rank] for rank in best]),
    )


def _evidence(candidate: Candidate, settings: DecodingSettings) -> FloatArray:
    """``(28,)`` weighted log-ratio of each rank to knowing nothing; floored, no network is that sure."""
    by_rank = candidate.level_log_probability[np.array(ORDER) - 1]
    return np.asarray(settings.evidence * (np.maximum(by_rank, np.log(1e-4)) + np.log(28)))


def _size_factor(points: FloatArray, ranks: list[int], settings: DecodingSettings) -> float:
    """How large this patient is against the mean, drawn towards 1 when few steps are seen."""
    expected = {(m.start, m.stop): m.length_mm for m in moves(settings)}
    lengths = np.linalg.norm(np.diff(points, axis=0), axis=1)
    ratios = [length / expected[pair] for length, pair in zip(lengths, pairwise(ranks), strict=True)]
    weight = len(ratios) / (len(ratios) + 2)
    return float(np.clip(1 + weight * (np.median(ratios) - 1), 0.7, 1.3)) if ratios else 1.0
