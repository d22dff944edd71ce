"""Identification rates: the share of vertebrae that carry their right name, by every definition in use."""

from spondyl.evaluation.metric import Metric, mean
from spondyl.evaluation.scan import ScanResult

__all__ = ["METRICS"]


def _glocker(scan: ScanResult) -> list[float]:
    return [float(scan.table.identified(row)) for row in scan.table.true]


def _verse_code(scan: ScanResult) -> list[float]:
    table = scan.table
    return [float(row.closest_common == row.label and table.within(row.error_mm)) for row in table.true]


def _reference(scan: ScanResult) -> list[float]:
    table = scan.table
    return [
        float(row.nearest_predicted == row.label and table.within(row.nearest_predicted_mm))
        for row in table.true
    ]


def _per_scan(scan: ScanResult) -> list[float]:
    hits = _glocker(scan)
    return [sum(hits) / len(hits)] if hits else []


def _all_correct(scan: ScanResult) -> list[float]:
    if not scan.table.true and not scan.table.predicted:
        return []
    right = all(_glocker(scan)) and all(row.identified for row in scan.table.predicted)
    return [float(right)]


METRICS = (
    Metric(
        "id_rate",
        "id rate (Glocker 2013, VerSe text)",
        "share",
        "A predicted label v counts if the true centroid closest to it is v's and lies within the "
        "limit (20 mm unless told otherwise); divided by all true vertebrae, pooled over scans.",
        _glocker,
        mean,
    ),
    Metric(
        "id_rate_verse_code",
        "id rate (VerSe code)",
        "share",
        "As the first id rate, but only labels that are both true and predicted compete for being closest.",
        _verse_code,
        mean,
    ),
    Metric(
        "id_rate_reference",
        "id rate (reference program)",
        "share",
        "For each true centroid the nearest predicted one within the limit; correct if their labels "
        "agree; divided by all true vertebrae, pooled over scans.",
        _reference,
        mean,
    ),
    Metric(
        "mean_scan_id_rate",
        "mean id rate per scan",
        "share",
        "The first id rate of each scan, averaged over scans that hold a true vertebra. "
        "Also the recall per scan.",
        _per_scan,
        mean,
    ),
    Metric(
        "all_correct_rate",
        "all-correct rate",
        "share",
        "Scans in which every true vertebra is identified (first id rate) and no other label is "
        "predicted, divided by all scans that hold a true or a predicted vertebra.",
        _all_correct,
        mean,
    ),
)
