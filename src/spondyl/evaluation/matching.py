"""The matching table of one scan: every fact that the metrics need, worked out once.

All published id rates, the localization error, precision and recall and the confusion of levels
are read off this table, so they cannot disagree about which vertebra met which.

Two centroids are *equally near* when their distances differ by less than :data:`TIE_MM`; a tie
is decided for the label in question, so the order of the vertebrae never matters.
"""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist

from spondyl.anatomy import name_of
from spondyl.spine import Spine

__all__ = ["LIMIT_MM", "TIE_MM", "MatchingTable", "PredictedVertebra", "TrueVertebra", "match"]

LIMIT_MM = 20.0
"""How far a found vertebra may lie from the true one (Glocker et al. 2013); the limit itself counts."""

TIE_MM = 1e-6
"""Distances closer than this are equal: below it only rounding differs."""

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class TrueVertebra:
    """What became of one true vertebra.

    Attributes:
        label: VerSe number.
        error_mm: Distance to the predicted vertebra of the same label; ``None`` if there is none.
        closest_true: Label of the true centroid closest to the *prediction of this label*, among
            all true ones; ``None`` without such a prediction.
        closest_common: The same, but only labels compete that are both true and predicted.
        nearest_predicted: Label of the predicted centroid nearest to this true one; ``None`` if
            nothing was predicted.
        nearest_predicted_mm: How far that one is.
        partner: Label of the predicted vertebra paired with this one, whatever its name: one to
            one, at most the limit apart, as many pairs as possible, then the smallest total
            distance; ``None`` if missed.
        partner_mm: How far apart the pair is.
    """

    label: int
    error_mm: float | None
    closest_true: int | None
    closest_common: int | None
    nearest_predicted: int | None
    nearest_predicted_mm: float | None
    partner: int | None
    partner_mm: float | None


@dataclass(frozen=True)
class PredictedVertebra:
    """What one predicted vertebra turned out to be.

    Attributes:
        label: VerSe number.
        probability: How sure the model was of it, 0-1, or ``None``.
        partner: Label of the true vertebra paired with it, see :class:`TrueVertebra`; ``None`` if
            invented.
        identified: Its label is true: the true centroid closest to it carries the same label and
            lies within the limit.
    """

    label: int
    probability: float | None
    partner: int | None
    identified: bool


@dataclass(frozen=True)
class MatchingTable:
    """Truth against prediction, for one scan.

    Attributes:
        true: One row per true vertebra, head to foot.
        predicted: One row per predicted vertebra, head to foot.
        limit_mm: How far apart a pair may be.
    """

    true: tuple[TrueVertebra, ...]
    predicted: tuple[PredictedVertebra, ...]
    limit_mm: float = LIMIT_MM

    def within(self, distance_mm: float | None) -> bool:
        """Whether a distance is known and at most the limit (up to rounding)."""
        return distance_mm is not None and distance_mm <= self.limit_mm + TIE_MM

    def identified(self, row: TrueVertebra) -> bool:
        """Whether a true vertebra is identified in the sense of Glocker et al. 2013."""
        return row.closest_true == row.label and self.within(row.error_mm)

    def __str__(self) -> str:
        lines = ["true predicted here  error mm"]
        for row in self.true:
            partner = name_of(row.partner) if row.partner else "missed"
            error = "-" if row.error_mm is None else f"{row.error_mm:.1f}"
            lines.append(f"{name_of(row.label):4} {partner:14} {error:>9}")
        lines += [f"-    {name_of(row.label)}" for row in self.predicted if row.partner is None]
        return "\n".join(lines)


def match(truth: Spine, predicted: Spine, *, limit_mm: float = LIMIT_MM) -> MatchingTable:
    """The matching table of one scan.

    Args:
        truth: The annotation.
        predicted: What was found; may be empty.
        limit_mm: How far apart a true and a predicted vertebra may be to be a pair.
    """
    distances = cdist(truth.centroids_mm, predicted.centroids_mm)
    pairs = _pairs(distances, limit_mm + TIE_MM)
    partner_of_predicted = {column: row for row, column in pairs.items()}
    common = [row for row, label in enumerate(truth.labels) if label in predicted]
    rows = tuple(_true_row(truth, predicted, distances, row, common, pairs) for row in range(len(truth)))
    table = MatchingTable(rows, (), limit_mm)
    identified = {row.label for row in rows if table.identified(row)}
    found = tuple(
        PredictedVertebra(
            vertebra.label,
            vertebra.probability,
            truth.labels[partner_of_predicted[column]] if column in partner_of_predicted else None,
            vertebra.label in identified,
        )
        for column, vertebra in enumerate(predicted)
    )
    return replace(table, predicted=found)


def _true_row(
    truth: Spine,
    predicted: Spine,
    distances: FloatArray,
    row: int,
    common: list[int],
    pairs: dict[int, int],
) -> TrueVertebra:
    """The row of one true vertebra; ``distances`` is (true, predicted) in mm."""
    label = truth.labels[row]
    error = closest_true = closest_common = None
    column = None
    if label in predicted:
        column = predicted.labels.index(label)
        error = float(distances[row, column])
        closest_true = truth.labels[_nearest(distances[:, column], row)]
        closest_common = truth.labels[common[_nearest(distances[common, column], common.index(row))]]
    nearest = _nearest(distances[row], column) if len(predicted) else None
    partner = pairs.get(row)
    return TrueVertebra(
        label=label,
        error_mm=error,
        closest_true=closest_true,
        closest_common=closest_common,
        nearest_predicted=None if nearest is None else predicted.labels[nearest],
        nearest_predicted_mm=None if nearest is None else float(distances[row, nearest]),
        partner=None if partner is None else predicted.labels[partner],
        partner_mm=None if partner is None else float(distances[row, partner]),
    )


def _nearest(distances: FloatArray, favourite: int | None) -> int:
    """Index of the smallest distance; a tie is decided for the favourite."""
    best = int(distances.argmin())
    if favourite is not None and distances[favourite] <= distances[best] + TIE_MM:
        return favourite
    return best


def _pairs(distances: FloatArray, limit_mm: float) -> dict[int, int]:
    """One-to-one pairs row -> column within the limit: as many as possible, then the nearest."""
    near = distances <= limit_mm
    # A pair within the limit is worth more than any sum of distances can cost.
    reward = (limit_mm + 1) * (min(distances.shape, default=0) + 1)
    rows, columns = linear_sum_assignment(np.where(near, distances - reward, 0.0))
    return {int(r): int(c) for r, c in zip(rows, columns, strict=True) if near[r, c]}
