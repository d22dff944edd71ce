"""The content of a report, before it becomes a page or paper."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from spondyl.quality.codes import CODES, Severity, severity_of, title_of
from spondyl.report.notes import Note, Notes
from spondyl.report.tables import Table, angle_table, disc_table, numbering_table, vertebra_table
from spondyl.result import Result
from spondyl.result_history import Correction
from spondyl.result_parts import FoundVertebra, Remark

__all__ = ["DISCLAIMER", "FlagLine", "Sheet", "flag_lines", "span_of"]

DISCLAIMER: Final = "Not a medical device. For research only; do not use it to diagnose or to treat."


@dataclass(frozen=True)
class FlagLine:
    """One flag, for the scan or for all vertebrae that carry it.

    Attributes:
        severity: ``"check"`` or ``"note"``.
        title: A few words.
        text: The sentence.
        names: Vertebrae, e.g. ``"T3, T4"``; empty for the scan.
    """

    severity: str
    title: str
    text: str
    names: str


@dataclass(frozen=True)
class Sheet:
    """Everything a report says, in words.

    Attributes:
        title: Name of the scan.
        lead: What was found, in a line.
        flags: The gravest first.
        tables: Vertebrae, discs, spine and other numberings; those without rows are left out.
        notes: Footnotes of the tables.
        about: Scan, model, program: word and value.
        history: Corrections by hand, in words.
    """

    title: str
    lead: str
    flags: tuple[FlagLine, ...]
    tables: tuple[Table, ...]
    notes: tuple[Note, ...]
    about: tuple[tuple[str, str], ...]
    history: tuple[str, ...]

    @classmethod
    def of(cls, result: Result, name: str | None = None) -> "Sheet":
        """Put a result into words, under a name; by default that of the scan's file."""
        notes = Notes()
        tables = (
            vertebra_table(result, notes),
            disc_table(result, notes),
            angle_table(result, notes),
            numbering_table(result),
        )
        return cls(
            title=name or result.scan.file or "Scan",
            lead=_lead(result),
            flags=flag_lines(result),
            tables=tuple(table for table in tables if table.rows),
            notes=notes.listed(),
            about=tuple(_about(result)),
            history=tuple(map(_correction, result.history)),
        )


def span_of(vertebrae: Iterable[FoundVertebra]) -> str:
    """First and last name: ``"T3-L2"``; empty without any."""
    names = [found.name for found in vertebrae]
    return "–".join(dict.fromkeys((names[0], names[-1]))) if names else ""


def flag_lines(result: Result) -> tuple[FlagLine, ...]:
    """All flags of a result, the gravest first; one line per sentence."""
    said: dict[Remark, list[str]] = {remark: [] for remark in result.flags}
    for found in result.vertebrae:
        for remark in found.flags:
            said.setdefault(remark, []).append(found.name)
    order = list(CODES)
    ranked = sorted(
        said,
        key=lambda remark: (
            severity_of(remark.to_flag()) is not Severity.CHECK,
            order.index(remark.code) if remark.code in order else 0,
        ),
    )
    return tuple(
        FlagLine(
            severity_of(remark.to_flag()).value,
            title_of(remark.to_flag()),
            remark.message,
            ", ".join(said[remark]),
        )
        for remark in ranked
    )


def _lead(result: Result) -> str:
    count = len(result.vertebrae)
    if not count:
        return "No vertebra was found."
    found = f"{span_of(result.vertebrae)}, {count} {'vertebra' if count == 1 else 'vertebrae'}"
    if result.history:
        return f"{found}; names corrected by hand"
    sure = result.numbering_probability
    return found if sure is None else f"{found}; all names right with a probability of {_percent(sure)}"


def _correction(entry: Correction) -> str:
    changes = ", ".join(f"{old} became {new}" for old, new in entry.renamed.items())
    return f"{entry.what} ({changes}), {entry.when}"


def _percent(share: float) -> str:
    """Never 100 %: no numbering is that sure."""
    return f"{share:.0%}" if share < 0.995 else "over 99%"


def _about(result: Result) -> Iterable[tuple[str, str]]:
    scan, model, engine = result.scan, result.model, result.engine
    yield "scan", scan.file or "unnamed"
    yield "voxels", " × ".join(map(str, scan.shape))
    yield "voxel size", " × ".join(f"{size:.2f}" for size in scan.spacing_mm) + " mm"
    yield "orientation", scan.orientation
    if scan.sha256:
        yield "SHA-256", scan.sha256[:16] + "…"
    if model is not None:
        yield "model", f"{model.name} (recipe {model.recipe})"
    if engine is not None:
        yield "computed by", f"{engine.name}, {engine.precision}, {engine.device}"
    yield "program", f"{result.program.name} {result.program.version}"
