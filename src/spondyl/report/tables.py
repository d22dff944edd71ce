"""The tables of a report."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from spondyl.anatomy import COLOURS
from spondyl.morphometry.definitions import DEFINITIONS
from spondyl.quality.codes import Severity, severity_of, title_of
from spondyl.report.notes import Notes
from spondyl.result import Result
from spondyl.result_measurements import MeasuredValue
from spondyl.result_parts import FoundVertebra, Remark

__all__ = ["Cell", "Table", "angle_table", "disc_table", "numbering_table", "vertebra_table"]

DOUBTFUL: Final = 0.7


@dataclass(frozen=True)
class Cell:
    """One place in a table.

    Attributes:
        text: What it says.
        spread: Uncertainty, e.g. ``"±0.6"``.
        marks: Footnotes.
        tone: ``"check"``, ``"note"``, ``"quiet"`` or empty.
        share: Length of a bar behind the text, 0-1.
        colour: Of a swatch before the text, e.g. ``"#ff0000"``.
    """

    text: str
    spread: str = ""
    marks: str = ""
    tone: str = ""
    share: float = 0.0
    colour: str = ""


@dataclass(frozen=True)
class Table:
    """A table with its explanation.

    Attributes:
        title: Heading.
        head: Heading and unit of every column; the first column holds words, the others numbers.
        rows: Cells.
        words: Columns from this one on hold words.
        about: What the columns mean.
    """

    title: str
    head: tuple[tuple[str, str], ...]
    rows: tuple[tuple[Cell, ...], ...]
    words: int
    about: tuple[tuple[str, str], ...] = ()


_BODY: Final = {
    "height_anterior": ("anterior", "mm"),
    "height_middle": ("middle", "mm"),
    "height_posterior": ("posterior", "mm"),
    "height_loss": ("height loss", "%"),
    "genant_grade": ("Genant", "grade"),
    "trabecular_hu": ("density", "HU"),
    "volume": ("volume", "ml"),
}
_DISC: Final = {
    "height_anterior": ("anterior", "mm"),
    "height_middle": ("middle", "mm"),
    "height_posterior": ("posterior", "mm"),
    "wedge": ("wedge", "°"),
}
_FULL_BAR: Final = {"trabecular_hu": 300.0, "height_loss": 0.4}


def vertebra_table(result: Result, notes: Notes) -> Table:
    """Name, probability, measurements and flags of every vertebra."""
    measured = {v.name: v for v in result.measurements.vertebrae} if result.measurements else {}
    rows = []
    for found in result.vertebrae:
        values = measured[found.name].values if found.name in measured else {}
        cells = [_value(values.get(name), name, found.name, notes) for name in _BODY] if measured else []
        deformity = measured[found.name].deformity if found.name in measured else None
        about = "; ".join([*([deformity] if deformity else []), *map(_title, found.flags)])
        rows.append((_name(found.name), _sure(found), *cells, Cell(about, tone=_tone(found.flags))))
    columns = (("vertebra", ""), ("prob.", "%"), *(_BODY.values() if measured else ()), ("remarks", ""))
    return Table("Vertebrae", columns, tuple(rows), len(columns) - 1, _meanings(_BODY) if measured else ())


def disc_table(result: Result, notes: Notes) -> Table:
    """Heights and wedge of every disc of which anything could be measured."""
    discs = result.measurements.discs if result.measurements else ()
    rows = []
    for disc in discs:
        place = f"{disc.upper}/{disc.lower}"
        if any(value.value is not None for value in disc.values.values()):
            cells = (_value(disc.values.get(name), name, place, notes) for name in _DISC)
            rows.append((Cell(place), *cells))
    return Table("Discs", (("disc", ""), *_DISC.values()), tuple(rows), 5, _meanings(["wedge"]))


def angle_table(result: Result, notes: Notes) -> Table:
    """Curves of the spine."""
    rows = []
    measurements = result.measurements
    for name, value in (measurements.angles if measurements else {}).items():
        title = DEFINITIONS[name].title if name in DEFINITIONS else name
        rows.append((Cell(title), _value(value, name, title, notes), Cell("")))
    for curve in measurements.curves if measurements else ():
        about = f"convex to the {curve.convex}"
        title = f"curve {curve.upper}–{curve.lower}"
        rows.append((Cell(title), _value(curve.angle, "coronal_cobb", title, notes), Cell(about)))
    names = measurements.angles if measurements else {}
    return Table("Spine", (("angle", ""), ("value", "°"), ("", "")), tuple(rows), 2, _meanings(names))


def numbering_table(result: Result) -> Table:
    """Other numberings worth a look."""
    likely = [other for other in result.alternatives if other.probability >= 0.01]
    rows = tuple(
        (Cell(other.description), Cell(f"{100 * other.probability:.0f}"), Cell(_listed(other.names)))
        for other in likely
    )
    return Table(
        "Other numberings", (("the same vertebrae", ""), ("probability", "%"), ("names", "")), rows, 2
    )


def _listed(names: tuple[str | None, ...]) -> str:
    called = [name or "–" for name in names]
    return f"{called[0]} … {called[-1]}" if len(called) > 6 else " ".join(called)


def _name(name: str) -> Cell:
    from spondyl.anatomy import label_of

    red, green, blue = COLOURS[label_of(name)]
    return Cell(name, colour=f"#{red:02x}{green:02x}{blue:02x}")


def _sure(found: FoundVertebra) -> Cell:
    if found.probability is None:
        return Cell("–", tone="quiet")
    tone = "check" if found.probability < DOUBTFUL else ""
    return Cell(f"{min(100 * found.probability, 99):.0f}", tone=tone)


def _value(value: MeasuredValue | None, name: str, place: str, notes: Notes) -> Cell:
    if value is None:
        return Cell("–", tone="quiet")
    marks = notes.of(value, place)
    if value.value is None:
        return Cell("–", marks=marks, tone="quiet")
    scale, digits = (100.0, 0) if name == "height_loss" else (1.0, 0 if value.unit in ("HU", "grade") else 1)
    spread = "" if value.uncertainty is None else f"±{scale * value.uncertainty:.{digits}f}"
    share = min(max(value.value, 0) / _FULL_BAR[name], 1.0) if name in _FULL_BAR else 0.0
    tone = "check" if name == "genant_grade" and value.value >= 1 else ""
    return Cell(f"{scale * value.value:.{digits}f}", spread, marks, tone, share)


def _title(remark: Remark) -> str:
    return title_of(remark.to_flag())


def _tone(remarks: Iterable[Remark]) -> str:
    found = [severity_of(remark.to_flag()) for remark in remarks]
    return "check" if Severity.CHECK in found else ""


def _meanings(names: Iterable[str]) -> tuple[tuple[str, str], ...]:
    """What measurements mean, with their source."""
    found = {DEFINITIONS[name].title: DEFINITIONS[name] for name in names if name in DEFINITIONS}
    return tuple(
        (title, f"{meaning.text} {meaning.source}." if meaning.source else meaning.text)
        for title, meaning in found.items()
    )
