"""Confidence intervals: scans are drawn again, with replacement.

Vertebrae of one scan are right or wrong together (one shift renames them all), so whole scans
are drawn, never vertebrae.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict

from spondyl.evaluation.metric import Metric
from spondyl.evaluation.scan import ScanResult

__all__ = ["CONFIDENCE", "Estimate", "draw", "estimate"]

CONFIDENCE = 0.95
"""Share of resamples inside the interval (percentile method)."""

FloatArray = npt.NDArray[np.float64]


class Estimate(BaseModel):
    """A metric's number.

    Attributes:
        value: The number; ``None`` where nothing could be measured.
        low: Lower end of the 95 % interval, ``None`` without bootstrap.
        high: Upper end.
        n: How many values it was made of: vertebrae, or scans for a metric per scan.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    value: float | None = None
    low: float | None = None
    high: float | None = None
    n: int = 0


def draw(scans: int, resamples: int, seed: int) -> FloatArray:
    """How often each scan is drawn: ``(resamples, scans)``, every row sums to ``scans``.

    A single scan says nothing about others, so it gives no rows, and with them no interval.
    """
    if scans < 2:
        return np.zeros((0, scans))
    generator = np.random.default_rng(seed)
    return generator.multinomial(scans, np.full(scans, 1 / scans), size=resamples).astype(float)


def estimate(metric: Metric, scans: Sequence[ScanResult], draws: FloatArray) -> Estimate:
    """A metric over scans, with its interval.

    Args:
        metric: What to measure.
        scans: All scans, in the order of ``draws``.
        draws: ``(resamples, scans)`` from :func:`draw`; no rows, no interval.
    """
    per_scan = [metric.values(scan) for scan in scans]
    owner = np.repeat(np.arange(len(scans)), [len(values) for values in per_scan])
    values = np.array([value for values in per_scan for value in values], dtype=float)
    if len(values) == 0:
        return Estimate()
    value = float(metric.reduce(values, np.ones((1, len(values))))[0])
    again = metric.reduce(values, draws[:, owner])
    again = again[np.isfinite(again)]
    if len(again) == 0:
        return Estimate(value=value, n=len(values))
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(again, (tail, 1 - tail))
    return Estimate(value=value, low=float(low), high=float(high), n=len(values))
