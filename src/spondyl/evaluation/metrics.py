"""All metrics, in the order in which they are shown; the first is *the* id rate."""

from spondyl.evaluation import calibration, id_rate, localization, mask_overlap, precision_recall
from spondyl.evaluation.metric import Metric

__all__ = ["METRICS"]

METRICS: tuple[Metric, ...] = (
    *id_rate.METRICS,
    *localization.METRICS,
    *precision_recall.METRICS,
    *mask_overlap.METRICS,
    *calibration.METRICS,
)
