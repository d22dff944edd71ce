"""What a metric is: values per scan, and how the values of all scans become one number.

Scans are resampled for confidence intervals by giving each a weight (how often it was drawn), so a
reduction takes weights for many resamples at once and no resample is ever copied together.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from spondyl.evaluation.scan import ScanResult

__all__ = ["Metric", "Reduction", "Unit", "deviation", "mean", "median", "total"]

FloatArray = npt.NDArray[np.float64]
Unit = Literal["share", "mm", "count"]
Values = Callable[[ScanResult], Sequence[float] | Sequence[tuple[float, ...]]]
Reduction = Callable[[FloatArray, FloatArray], FloatArray]
"""``(values (n,) or (n, k), weights (resamples, n)) -> (resamples,)``; NaN where nothing has weight."""


@dataclass(frozen=True)
class Metric:
    """One way to score predictions.

    Attributes:
        key: Name for programs.
        name: Name for people.
        unit: ``"share"`` (0-1, shown in percent), ``"mm"`` or ``"count"``.
        definition: The exact definition, one or two sentences: the only place where it is written.
        values: The values one scan contributes, possibly none.
        reduce: From the values of all scans to one number.
        higher_is_better: Direction of improvement.
    """

    key: str
    name: str
    unit: Unit
    definition: str
    values: Values
    reduce: Reduction
    higher_is_better: bool = True


def _divide(numerator: FloatArray, denominator: FloatArray) -> FloatArray:
    out = np.full(numerator.shape, np.nan)
    np.divide(numerator, denominator, out=out, where=denominator > 0)
    return out


def mean(values: FloatArray, weights: FloatArray) -> FloatArray:
    """Arithmetic mean."""
    return _divide(weights @ values, weights.sum(axis=1))


def deviation(values: FloatArray, weights: FloatArray) -> FloatArray:
    """Population standard deviation."""
    centred = values - mean(values, weights)[:, None]  # E[x²] - E[x]² would cancel
    return np.sqrt(_divide((weights * centred**2).sum(axis=1), weights.sum(axis=1)))


def median(values: FloatArray, weights: FloatArray) -> FloatArray:
    """Median; the mean of both middle values of an even number. Weights are whole numbers."""
    out = np.full(len(weights), np.nan)
    if len(values) == 0:
        return out
    order = np.argsort(values)
    ends = np.cumsum(weights[:, order], axis=1)
    count = ends[:, -1]
    some = count > 0
    lower = (ends > ((count - 1) // 2)[:, None]).argmax(axis=1)
    upper = (ends > (count // 2)[:, None]).argmax(axis=1)
    middle = (values[order][lower] + values[order][upper]) / 2
    out[some] = middle[some]
    return out


def total(values: FloatArray, weights: FloatArray) -> FloatArray:
    """Sum."""
    return np.asarray(weights @ values)
