"""What tells a numbering from the one a level higher or lower: the landmarks that anchor it."""

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from spondyl.anatomy import NAMES, ORDER, RANK

__all__ = ["LANDMARKS", "anchors"]

FloatArray = npt.NDArray[np.float64]

LANDMARKS: Final = {
    "dens": ("C1", "C2"),
    "first rib": ("C7", "T1", "T2"),
    "last rib": ("T11", "T12", "T13", "L1"),
    "sacrum": ("L5", "L6", "S1", "S2"),
}
"""What a reader counts from, and the levels that show it."""

_LEAST_SHARE: Final = 0.15
_LEAST_EVIDENCE: Final = 1.0  # a factor of e: less does not anchor anything


def anchors(evidence: FloatArray, labels: Sequence[int]) -> tuple[str, ...]:
    """The landmarks that speak for a numbering and against its nearest shift, strongest first.

    Each vertebra weighs the two by its own level evidence; what the vertebrae at a landmark add up to is
    the landmark's weight.

    Args:
        evidence: ``(n, 28)`` weighted log-evidence by rank (place in :data:`spondyl.anatomy.ORDER`).
        labels: VerSe numbers of the numbering, head to foot.

    Returns:
        Keys of :data:`LANDMARKS` that hold at least 15 % of what speaks for the numbering; empty where
        nothing but the shape of neighbouring vertebrae does.
    """
    gain = _gain_over_shift(evidence, labels)
    total = float(np.maximum(gain, 0).sum())
    if total < _LEAST_EVIDENCE:
        return ()
    names = [NAMES[label] for label in labels]
    weights = {
        landmark: sum(float(g) for g, name in zip(gain, names, strict=True) if name in levels)
        for landmark, levels in LANDMARKS.items()
    }
    ranked = sorted(weights, key=lambda landmark: -weights[landmark])
    return tuple(mark for mark in ranked if weights[mark] >= max(_LEAST_SHARE * total, _LEAST_EVIDENCE))


def _gain_over_shift(evidence: FloatArray, labels: Sequence[int]) -> FloatArray:
    """``(n,)`` how much each vertebra prefers its label to that of the likelier shift by one level."""
    ladder = [label for label in ORDER if NAMES[label] not in ("T13", "L6") or label in labels]
    places = np.array([ladder.index(label) for label in labels])
    rows = np.arange(len(labels))
    own = evidence[rows, [RANK[label] for label in labels]]
    shifted = []
    for by in (-1, 1):
        others = np.clip(places + by, 0, len(ladder) - 1)
        shifted.append(evidence[rows, [RANK[ladder[place]] for place in others]])
    rival = max(shifted, key=lambda row: float(row.sum()))
    return np.asarray(own - rival)
