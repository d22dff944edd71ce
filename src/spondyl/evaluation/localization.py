"""Localization error: how far a predicted centroid lies from the true one of the same label."""

from spondyl.evaluation.metric import Metric, deviation, mean, median, total
from spondyl.evaluation.scan import ScanResult

__all__ = ["METRICS"]


def _errors(scan: ScanResult) -> list[float]:
    return [row.error_mm for row in scan.table.true if row.error_mm is not None]


def _not_found(scan: ScanResult) -> list[float]:
    return [float(row.error_mm is None) for row in scan.table.true]


METRICS = (
    Metric(
        "localization_mean",
        "localization error, mean",
        "mm",
        "Euclidean distance between the true and the predicted centroid of one label, averaged over "
        "labels that are both true and predicted, pooled over scans. Has no limit: wrong names weigh "
        "in with their full distance.",
        _errors,
        mean,
        higher_is_better=False,
    ),
    Metric(
        "localization_std",
        "localization error, standard deviation",
        "mm",
        "Population standard deviation of the same distances.",
        _errors,
        deviation,
        higher_is_better=False,
    ),
    Metric(
        "localization_median",
        "localization error, median",
        "mm",
        "Median of the same distances.",
        _errors,
        median,
        higher_is_better=False,
    ),
    Metric(
        "not_found",
        "labels not found",
        "count",
        "True vertebrae whose label was not predicted at all; they are in no localization error.",
        _not_found,
        total,
        higher_is_better=False,
    ),
)
