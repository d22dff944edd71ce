"""From candidates to a numbered spine: exact dynamic programming over what anatomy allows.

A path picks some of the candidates, head to foot, and gives each a level. Its score is the
networks' evidence for the candidates and levels plus the log-likelihood of the steps between
them. Neighbours are consecutive levels; a missed vertebra, T13, L6 and an absent T12 are allowed
at a price. The best path is found by Viterbi; the numbering's probabilities come from all
numberings of the chosen candidates (forward-backward), the alternatives from list Viterbi.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from spondyl.anatomy import LABEL_OF, NAMES, ORDER, RANK
from spondyl.spine import Numbering
from spondyl.statistics import spine_statistics

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


@dataclass(frozen=True)
class DecodingSettings:
    """Prices and weights.

    Attributes:
        missed: Chance that a visible vertebra has no candidate.
        rare: Floor for the chance of T13, L6 or an absent T12.
        evidence: Weight of each candidate's level evidence. Below 1, because the evidence of
            neighbouring candidates comes from the same picture and is far from independent.
        step_slack: Factor on the standard deviation of the steps (fractures, scoliosis, noise).
        furthest_mm: Longest step between chosen neighbours.
        clutter_mm: Length along the spine over which something that is no vertebra may turn up
            anywhere; what a step is weighed against.
    """

    missed: float = 0.02
    rare: float = 0.01
    evidence: float = 0.5
    step_slack: float = 1.6
    furthest_mm: float = 130.0
    clutter_mm: float = 100.0


@dataclass(frozen=True, eq=False)
class DecodedSpine:
    """The chosen candidates and their numbering.

    Attributes:
        chosen: Indices into the candidates, head to foot.
        labels: VerSe number of each.
        probabilities: How likely each label is right.
        probability: How likely the whole numbering is.
        alternatives: Next best numberings, most likely first.
    """

    chosen: tuple[int, ...]
    labels: tuple[int, ...]
    probabilities: tuple[float, ...]
    probability: float
    alternatives: tuple[Numbering, ...]


@dataclass(frozen=True)
class _Move:
    """An allowed change of level between chosen neighbours."""

    start: int  # rank
    stop: int
    price: float
    length_mm: float
    std_mm: float


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
    path, size = _best_path(points, evidence, np.log(presence / (1 - presence)), 1.0, settings)
    path, _ = _best_path(points, evidence, np.log(presence / (1 - presence)), size, settings)
    steps = _step_scores(points[path], size, settings)
    marginal = _marginals(evidence[path], steps)
    ranked = _list_viterbi(evidence[path], steps, alternatives + 1)
    best = ranked[0][0]
    total = _log_total(evidence[path], steps)
    others = tuple(
        Numbering(tuple(ORDER[r] for r in ranks), float(np.exp(score - total)), _describe(best, ranks))
        for ranks, score in ranked[1:]
        if score - total > np.log(1e-3)
    )
    return DecodedSpine(
        tuple(order[i] for i in path),
        tuple(ORDER[rank] for rank in best),
        tuple(float(marginal[i, rank]) for i, rank in enumerate(best)),
        float(np.exp(ranked[0][1] - total)),
        others,
    )


def _evidence(candidate: Candidate, settings: DecodingSettings) -> FloatArray:
    """``(28,)`` weighted log-ratio of each rank to knowing nothing; floored, no network is that sure."""
    by_rank = candidate.level_log_probability[np.array(ORDER) - 1]
    return np.asarray(settings.evidence * (np.maximum(by_rank, np.log(1e-4)) + np.log(28)))


@cache
def _moves(settings: DecodingSettings) -> tuple[_Move, ...]:
    """All allowed changes of level."""
    statistics = spine_statistics()
    rare = {
        name: float(np.log(max(statistics.frequency.get(name, 0.0), settings.rare)))
        for name in ("T13", "L6", "no_T12")
    }
    usual = [label for label in ORDER if NAMES[label] not in ("T13", "L6")]
    ladders = [
        (usual, 0.0),
        ([x for x in ORDER if NAMES[x] != "L6"], rare["T13"]),
        ([x for x in ORDER if NAMES[x] != "T13"], rare["L6"]),
        ([x for x in usual if NAMES[x] != "T12"], rare["no_T12"]),
    ]
    moves: dict[tuple[int, int], _Move] = {}
    for ladder, price in ladders:
        for place, label in enumerate(ladder):
            length = variance = 0.0
            for jump in range(1, min(4, len(ladder) - place)):
                step = statistics.steps[ladder[place + jump - 1]]
                length += step.length_mm
                variance += max(step.length_mm * statistics.residual_std, 1.2) ** 2
                key = RANK[label], RANK[ladder[place + jump]]
                total = price + (jump - 1) * float(np.log(settings.missed))
                move = _Move(*key, total, length, settings.step_slack * float(np.sqrt(variance)))
                if key not in moves or moves[key].price < total:
                    moves[key] = move
    # The price of a rare level is paid once, on entering it.
    exits = {RANK[LABEL_OF["T13"]], RANK[LABEL_OF["L6"]]}
    return tuple(
        _Move(
            m.start,
            m.stop,
            0.0 if m.start in exits and m.stop == m.start + 1 else m.price,
            m.length_mm,
            m.std_mm,
        )
        for m in moves.values()
    )


def _move_scores(distance_mm: float, size: float, settings: DecodingSettings) -> FloatArray:
    """``(28, 28)`` score of a step of this length between two ranks; minus infinity if not allowed."""
    scores = np.full((28, 28), -np.inf)
    for move in _moves(settings):
        z = (distance_mm - size * move.length_mm) / move.std_mm
        # Heavy tails: a collapsed or kyphotic segment must not break the chain.
        density = -2.5 * np.log1p(z**2 / 5) - np.log(2.5 * move.std_mm)
        scores[move.start, move.stop] = move.price + density + np.log(settings.clutter_mm)
    return scores


def _step_scores(points: FloatArray, size: float, settings: DecodingSettings) -> list[FloatArray]:
    """Move scores between each point and the next."""
    lengths = np.linalg.norm(np.diff(points, axis=0), axis=1)
    return [_move_scores(float(length), size, settings) for length in lengths]


def _best_path(
    points: FloatArray, evidence: FloatArray, gain: FloatArray, size: float, settings: DecodingSettings
) -> tuple[list[int], float]:
    """Viterbi over candidates and levels; returns the chosen places and the patient's size factor."""
    count = len(points)
    best = evidence + gain[:, None]
    back = np.full((count, 28, 2), -1)
    for i in range(1, count):
        entry = best[i].copy()
        for j in range(i - 1, -1, -1):
            length = float(np.linalg.norm(points[i] - points[j]))
            if length > settings.furthest_mm or length < 5:
                continue
            scores = best[j][:, None] + _move_scores(length, size, settings)
            origin = scores.argmax(axis=0)
            value = scores[origin, np.arange(28)] + entry
            better = value > best[i]
            best[i][better] = value[better]
            back[i][better] = np.stack([np.full(28, j), origin], axis=1)[better]
    place, rank = np.unravel_index(best.argmax(), best.shape)
    path, ranks = [int(place)], [int(rank)]
    while back[path[-1], ranks[-1], 0] >= 0:
        before = back[path[-1], ranks[-1]]
        path.append(int(before[0]))
        ranks.append(int(before[1]))
    path.reverse()
    ranks.reverse()
    return path, _size_factor(points[path], ranks, settings)


def _size_factor(points: FloatArray, ranks: list[int], settings: DecodingSettings) -> float:
    """How large this patient is against the mean, drawn towards 1 when few steps are seen."""
    expected = {(m.start, m.stop): m.length_mm for m in _moves(settings)}
    lengths = np.linalg.norm(np.diff(points, axis=0), axis=1)
    ratios = [length / expected[pair] for length, pair in zip(lengths, pairwise(ranks), strict=True)]
    weight = len(ratios) / (len(ratios) + 2)
    return float(np.clip(1 + weight * (np.median(ratios) - 1), 0.7, 1.3)) if ratios else 1.0


def _log_sum(values: FloatArray, axis: int) -> FloatArray:
    top = values.max(axis=axis, keepdims=True)
    top = np.where(np.isfinite(top), top, 0)
    with np.errstate(divide="ignore"):
        return np.asarray(np.log(np.exp(values - top).sum(axis=axis)) + top.squeeze(axis))


def _forward(evidence: FloatArray, steps: list[FloatArray]) -> FloatArray:
    scores = evidence.copy()
    for i, step in enumerate(steps, start=1):
        scores[i] = evidence[i] + _log_sum(scores[i - 1][:, None] + step, axis=0)
    return scores


def _log_total(evidence: FloatArray, steps: list[FloatArray]) -> float:
    return float(_log_sum(_forward(evidence, steps)[-1], axis=0))


def _marginals(evidence: FloatArray, steps: list[FloatArray]) -> FloatArray:
    """``(n, 28)`` probability of each rank for each chosen candidate."""
    forward = _forward(evidence, steps)
    backward = np.zeros_like(evidence)
    for i in range(len(steps) - 1, -1, -1):
        backward[i] = _log_sum(steps[i] + (evidence[i + 1] + backward[i + 1])[None, :], axis=1)
    joint = forward + backward
    return np.asarray(np.exp(joint - _log_sum(joint, axis=1)[:, None]))


def _list_viterbi(
    evidence: FloatArray, steps: list[FloatArray], count: int
) -> list[tuple[tuple[int, ...], float]]:
    """The ``count`` best rank sequences with their scores, best first."""
    beams: list[list[tuple[float, tuple[int, ...]]]] = [
        [(float(e), (rank,))] for rank, e in enumerate(evidence[0])
    ]
    for i, step in enumerate(steps, start=1):
        grown: list[list[tuple[float, tuple[int, ...]]]] = []
        for rank in range(28):
            options = [
                (score + step[before, rank] + evidence[i, rank], (*ranks, rank))
                for before in range(28)
                if np.isfinite(step[before, rank])
                for score, ranks in beams[before]
            ]
            grown.append(sorted(options, reverse=True)[:count])
        beams = grown
    finals = sorted((item for beam in beams for item in beam), reverse=True)[:count]
    return [(ranks, score) for score, ranks in finals]


def _describe(best: tuple[int, ...], other: tuple[int, ...]) -> str:
    """How another numbering differs from the best, in words."""
    usual = [label for label in ORDER if NAMES[label] not in ("T13", "L6")]
    names, others = [NAMES[ORDER[r]] for r in best], [NAMES[ORDER[r]] for r in other]
    for rare in ("T13", "L6"):
        if (rare in others) != (rare in names):
            return f"{'with' if rare in others else 'without'} {rare}"
    places = [
        (usual.index(LABEL_OF[a]), usual.index(LABEL_OF[b]))
        for a, b in zip(names, others, strict=True)
        if a not in ("T13", "L6") and b not in ("T13", "L6")
    ]
    shifts = {b - a for a, b in places}
    if len(shifts) == 1:
        shift = shifts.pop()
        levels = "one level" if abs(shift) == 1 else f"{abs(shift)} levels"
        return f"{levels} {'lower' if shift > 0 else 'higher'}"
    first = next(i for i, (a, b) in enumerate(zip(names, others, strict=True)) if a != b)
    return f"from {names[first]} on numbered {', '.join(others[first:])}"
