"""What evaluation keeps of one scan: its matching table and the overlap of its masks."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Self

from spondyl.evaluation.matching import MatchingTable
from spondyl.evaluation.overlap import LevelOverlap

__all__ = ["ScanResult"]


@dataclass(frozen=True)
class ScanResult:
    """One scan, compared.

    Attributes:
        name: Name of the scan.
        table: Truth against prediction.
        overlaps: One entry per label of the true mask; ``None`` without a true mask.
        predicted: ``False`` if there was no prediction at all; all its vertebrae count as missed.
        masked: Whether the prediction has a mask; without one all its overlaps are 0.
    """

    name: str
    table: MatchingTable
    overlaps: tuple[LevelOverlap, ...] | None = None
    predicted: bool = True
    masked: bool = False

    def only(self, labels: Collection[int]) -> Self:
        """The rows of some labels: of a region, of a level. Who matched whom stays as it was."""
        table = replace(
            self.table,
            true=tuple(row for row in self.table.true if row.label in labels),
            predicted=tuple(row for row in self.table.predicted if row.label in labels),
        )
        overlaps = self.overlaps and tuple(row for row in self.overlaps if row.label in labels)
        return replace(self, table=table, overlaps=overlaps)
