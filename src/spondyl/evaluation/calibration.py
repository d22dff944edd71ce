"""Calibration: are names given with 80 % probability right in 80 % of cases?"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from spondyl.evaluation.metric import Metric
from spondyl.evaluation.scan import ScanResult

__all__ = ["BINS", "METRICS", "ReliabilityBin", "reliability"]

BINS = 10
"""Equally wide bins of probability, as in Guo et al. 2017."""

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class ReliabilityBin:
    """One bar of a reliability diagram.

    Attributes:
        low, high: Bounds of the probability.
        count: Predicted vertebrae in it.
        probability: Their mean probability.
        correct: Share of them whose label is right (first id rate).
    """

    low: float
    high: float
    count: int
    probability: float
    correct: float


def reliability(scans: Iterable[ScanResult]) -> tuple[ReliabilityBin, ...]:
    """The bars of the reliability diagram; empty bins are left out."""
    rows = np.array([row for scan in scans for row in _rows(scan)], float).reshape(-1, 2)
    which = _bin(rows[:, 0])
    bars = []
    for index in np.unique(which):
        chosen = rows[which == index]
        probability, correct = chosen.mean(axis=0)
        bars.append(
            ReliabilityBin(index / BINS, (index + 1) / BINS, len(chosen), float(probability), float(correct))
        )
    return tuple(bars)


def _rows(scan: ScanResult) -> list[tuple[float, float]]:
    """Probability and rightness of every predicted vertebra that has a probability."""
    return [
        (row.probability, float(row.identified))
        for row in scan.table.predicted
        if row.probability is not None
    ]


def _bin(probability: FloatArray) -> npt.NDArray[np.int64]:
    """Index of the bin; 1.0 belongs to the last."""
    return np.minimum((probability * BINS).astype(np.int64), BINS - 1)


def expected_error(values: FloatArray, weights: FloatArray) -> FloatArray:
    """Expected calibration error of rows ``(probability, right)``; see :data:`METRICS`."""
    values = values.reshape(-1, 2)
    gap = values[:, 1] - values[:, 0]
    members = np.eye(BINS)[_bin(values[:, 0])]  # (n, bins)
    per_bin = np.abs((weights * gap) @ members).sum(axis=1)
    count = weights.sum(axis=1)
    out = np.full(len(weights), np.nan)
    np.divide(per_bin, count, out=out, where=count > 0)
    return out


METRICS = (
    Metric(
        "calibration_error",
        "expected calibration error",
        "share",
        "Predicted vertebrae in ten equally wide bins of probability: the difference between mean "
        "probability and share of right labels (first id rate) in each bin, weighted by the bin's "
        "count (Guo et al. 2017).",
        _rows,
        expected_error,
        higher_is_better=False,
    ),
)
