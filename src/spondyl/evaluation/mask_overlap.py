"""The overlap metrics, where both truth and prediction have masks."""

from spondyl.evaluation.metric import Metric, mean, total
from spondyl.evaluation.scan import ScanResult

__all__ = ["METRICS"]


def _dice(scan: ScanResult) -> list[float]:
    return [row.dice for row in scan.overlaps or ()]


def _nsd(scan: ScanResult) -> list[float]:
    return [row.nsd for row in scan.overlaps or ()]


def _hd95(scan: ScanResult) -> list[float]:
    return [row.hd95_mm for row in scan.overlaps or () if row.hd95_mm is not None]


def _undefined(scan: ScanResult) -> list[float]:
    return [float(row.hd95_mm is None) for row in scan.overlaps or ()]


METRICS = (
    Metric(
        "dice",
        "Dice",
        "share",
        "2 |A and B| / (|A| + |B|) of the voxels of one label, averaged over all labels of the true "
        "masks, pooled over scans; 0 for a label that was not predicted.",
        _dice,
        mean,
    ),
    Metric(
        "nsd",
        "normalised surface Dice",
        "share",
        "Share of the area of the true and the predicted surface of one label that lies within the "
        "tolerance (3 mm unless told otherwise) of the other surface, averaged like Dice; 0 for a "
        "label that was not predicted (Nikolov et al. 2021).",
        _nsd,
        mean,
    ),
    Metric(
        "hd95",
        "95 % Hausdorff distance",
        "mm",
        "The larger of both directed 95th percentiles of the distance between the surfaces of one "
        "label, weighted by area, averaged over labels in both masks.",
        _hd95,
        mean,
        higher_is_better=False,
    ),
    Metric(
        "hd95_undefined",
        "labels without Hausdorff distance",
        "count",
        "Labels of the true masks that the predicted mask does not hold; they are in no Hausdorff distance.",
        _undefined,
        total,
        higher_is_better=False,
    ),
)
