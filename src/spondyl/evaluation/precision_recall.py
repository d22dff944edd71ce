"""Precision and recall per scan, with and without regard to names."""

from spondyl.evaluation.metric import Metric, mean, total
from spondyl.evaluation.scan import ScanResult

__all__ = ["METRICS"]


def _share(hits: list[bool]) -> list[float]:
    return [sum(hits) / len(hits)] if hits else []


def _precision(scan: ScanResult) -> list[float]:
    return _share([row.identified for row in scan.table.predicted])


def _detection_precision(scan: ScanResult) -> list[float]:
    return _share([row.partner is not None for row in scan.table.predicted])


def _detection_recall(scan: ScanResult) -> list[float]:
    return _share([row.partner is not None for row in scan.table.true])


def _invented(scan: ScanResult) -> list[float]:
    return [float(row.partner is None) for row in scan.table.predicted]


METRICS = (
    Metric(
        "precision",
        "precision",
        "share",
        "Predicted vertebrae whose label is right (first id rate), divided by all predicted ones, per"
        " scan; averaged over scans with a prediction. Its recall is the mean id rate per scan.",
        _precision,
        mean,
    ),
    Metric(
        "detection_precision",
        "detection precision, names ignored",
        "share",
        "Predicted vertebrae paired one to one with a true one within the limit, whatever their "
        "names, divided by all predicted ones, per scan; averaged over scans with a prediction.",
        _detection_precision,
        mean,
    ),
    Metric(
        "detection_recall",
        "detection recall, names ignored",
        "share",
        "True vertebrae paired one to one with a predicted one within the limit, whatever their "
        "names, divided by all true ones, per scan; averaged over scans that hold a true vertebra.",
        _detection_recall,
        mean,
    ),
    Metric(
        "invented",
        "invented vertebrae",
        "count",
        "Predicted vertebrae that are paired with no true one, names ignored.",
        _invented,
        total,
        higher_is_better=False,
    ),
)
