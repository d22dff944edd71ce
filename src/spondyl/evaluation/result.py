"""The result of an evaluation, as an object and on disk."""

import csv
import io
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, ValidationError

from spondyl.anatomy import name_of
from spondyl.errors import InputError
from spondyl.evaluation.bootstrap import Estimate
from spondyl.evaluation.metric import Unit
from spondyl.evaluation.scan import ScanResult
from spondyl.io.atomic import write_text

__all__ = ["Definition", "Evaluation", "Settings"]

Scores = Mapping[str, Estimate]
"""Key of a metric to its number."""


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Definition(_Model):
    """What a metric means; the same words as in the documentation."""

    name: str
    unit: Unit
    definition: str
    higher_is_better: bool


class Settings(_Model):
    """What the numbers depend on besides the data."""

    limit_mm: float
    nsd_tolerance_mm: float
    resamples: int
    seed: int


class Evaluation(_Model):
    """Every metric, for all scans together and for parts of them.

    Attributes:
        schema_version: Of the JSON file.
        program_version: Version of Spondyl that measured.
        settings: Limits, tolerances, bootstrap.
        definitions: What each metric means, by key.
        summary: All scans.
        regions: By region (``"cervical"`` ...).
        levels: By level (``"T12"`` ...), head to foot.
        scan_scores: By scan.
        scans: The matching tables all of it was read from.
    """

    schema_version: Literal[1] = 1
    program_version: str
    settings: Settings
    definitions: Mapping[str, Definition]
    summary: Scores
    regions: Mapping[str, Scores]
    levels: Mapping[str, Scores]
    scan_scores: Mapping[str, Scores]
    scans: tuple[ScanResult, ...]

    @property
    def missing_scans(self) -> tuple[str, ...]:
        """Names of true scans for which there was no prediction at all."""
        return tuple(scan.name for scan in self.scans if not scan.predicted)

    def worst_scans(self, count: int = 5) -> tuple[str, ...]:
        """Names of the scans with the lowest id rate, then the largest localization error."""

        def badness(name: str) -> tuple[float, float, str]:
            scores = self.scan_scores[name]
            rate, error = scores["id_rate"].value, scores["localization_mean"].value
            return (1.0 if rate is None else rate), -(error or 0.0), name

        return tuple(sorted(self.scan_scores, key=badness)[:count])

    def to_json(self, path: Path | str) -> None:
        """Write everything; :meth:`from_json` reads it back.

        Raises:
            OutputError: the file cannot be written.
        """
        write_text(path, self.model_dump_json(indent=1) + "\n")

    @classmethod
    def from_json(cls, path: Path | str) -> Self:
        """Read a file written by :meth:`to_json`.

        Raises:
            InputError: it is not such a file, or of another version.
        """
        try:
            return cls.model_validate_json(Path(path).read_bytes())
        except (OSError, ValidationError) as error:
            raise InputError(
                f"{path}: not an evaluation written by this version of Spondyl (expected the file of "
                f"'spondyl evaluate --json', schema version 1): {error}"
            ) from error

    def to_csv(self, path: Path | str) -> None:
        """Write one row per number: scope, group, metric, value, low, high, n, unit.

        ``scope`` is overall, region, level or scan. Shares are 0-1; a number that could not be
        measured is empty.

        Raises:
            OutputError: the file cannot be written.
        """
        rows = (
            (scope, group, key, e.value, e.low, e.high, e.n, self.definitions[key].unit)
            for scope, group, scores in self._groups()
            for key, e in scores.items()
        )
        header = ("scope", "group", "metric", "value", "low", "high", "n", "unit")
        write_text(path, _csv([header, *rows]))

    def to_vertebra_csv(self, path: Path | str) -> None:
        """Write one row per true vertebra, and one per predicted vertebra without a true partner.

        Raises:
            OutputError: the file cannot be written.
        """
        header = ("scan", "true", "predicted_here", "distance_mm", "same_label_error_mm", "identified")
        rows: list[tuple[object, ...]] = []
        for scan in self.scans:
            for row in scan.table.true:
                here = name_of(row.partner) if row.partner else None
                right = scan.table.identified(row)
                rows.append((scan.name, name_of(row.label), here, row.partner_mm, row.error_mm, right))
            rows += [
                (scan.name, None, name_of(row.label), None, None, row.identified)
                for row in scan.table.predicted
                if row.partner is None
            ]
        write_text(path, _csv([header, *rows]))

    def _groups(self) -> Iterator[tuple[str, str, Scores]]:
        yield "overall", "", self.summary
        for scope, groups in (("region", self.regions), ("level", self.levels), ("scan", self.scan_scores)):
            for group, scores in groups.items():
                yield scope, group, scores


def _csv(rows: list[tuple[object, ...]]) -> str:
    stream = io.StringIO()
    csv.writer(stream, lineterminator="\n").writerows(rows)
    return stream.getvalue()
