"""All numberings of a chain of vertebrae: their total, the best few, in words.

A chain has ``(n, 28)`` evidence by rank (place in :data:`spondyl.anatomy.ORDER`) and, between
neighbours, ``(28, 28)`` step scores; both are logarithms, minus infinity where not allowed.
"""

import numpy as np
import numpy.typing as npt

from spondyl.anatomy import LABEL_OF, NAMES, ORDER

__all__ = ["best_numberings", "describe_change", "log_sum", "log_total"]

FloatArray = npt.NDArray[np.float64]


def log_sum(values: FloatArray, axis: int) -> FloatArray:
    """Logarithm of the sum of exponentials along an axis."""
    top = values.max(axis=axis, keepdims=True)
    top = np.where(np.isfinite(top), top, 0)
    with np.errstate(divide="ignore"):
        return np.asarray(np.log(np.exp(values - top).sum(axis=axis)) + top.squeeze(axis))


def _forward(evidence: FloatArray, steps: list[FloatArray]) -> FloatArray:
    scores = evidence.copy()
    for i, step in enumerate(steps, start=1):
        scores[i] = evidence[i] + log_sum(scores[i - 1][:, None] + step, axis=0)
    return scores


def log_total(evidence: FloatArray, steps: list[FloatArray]) -> float:
    """Logarithm of the sum over all numberings."""
    return float(log_sum(_forward(evidence, steps)[-1], axis=0))


def best_numberings(
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


def describe_change(best: tuple[int, ...], other: tuple[int, ...]) -> str:
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
