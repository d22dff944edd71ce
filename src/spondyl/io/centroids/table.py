"""CSV: one vertebra per row, world coordinates, for spreadsheets and scripts.

Columns ``name,label,x_mm,y_mm,z_mm,probability``: name (``T12``), VerSe number, RAS+ mm, and the
probability or nothing. On reading, name or label will do, the name rules, and further columns
are ignored.
"""

import csv
import io
from collections.abc import Iterator
from pathlib import Path

from spondyl.errors import AnnotationError
from spondyl.io.atomic import write_text
from spondyl.io.centroids.text import build_spine, checked_label, number, parse_label, read_text
from spondyl.spine import Spine, Vertebra

__all__ = ["COLUMNS", "read", "write"]

COLUMNS = ("name", "label", "x_mm", "y_mm", "z_mm", "probability")
_POINT = ("x_mm", "y_mm", "z_mm")


def read(path: Path) -> Spine:
    """Read centroids.

    Raises:
        AnnotationError: a column is missing, an unknown label, not a number; the message has the
            line number.
    """
    text = io.StringIO(read_text(path), newline=None)  # whatever ends its lines
    rows = csv.DictReader(text, skipinitialspace=True)
    try:
        return build_spine(_vertebrae(rows, path), path)
    except csv.Error as error:
        raise AnnotationError(f"{path}, line {rows.line_num}: not valid CSV ({error})") from error


def write(spine: Spine, path: Path) -> None:
    """Write centroids with 0.1 µm precision and probabilities with four digits.

    Raises:
        OutputError: the file cannot be written.
    """
    lines = [",".join(COLUMNS)]
    for vertebra in spine:
        x, y, z = vertebra.centroid_mm
        probability = "" if vertebra.probability is None else f"{vertebra.probability:.4f}"
        lines.append(f"{vertebra.name},{vertebra.label},{x:.4f},{y:.4f},{z:.4f},{probability}")
    write_text(path, "\n".join(lines) + "\n")


def _vertebrae(rows: "csv.DictReader[str]", path: Path) -> Iterator[Vertebra]:
    header = [column.strip() for column in rows.fieldnames or ()]
    rows.fieldnames = header
    missing = [column for column in _POINT if column not in header]
    if missing or not {"name", "label"} & set(header):
        raise AnnotationError(
            f"{path}: expected the columns {','.join(COLUMNS)} (name or label, and RAS+ mm),"
            f" found {','.join(header)}"
        )
    for row in rows:
        yield _vertebra(row, f"{path}, line {rows.line_num}")


def _vertebra(row: dict[str, str | None], where: str) -> Vertebra:
    label = _label(row, where)
    x, y, z = (number(row[column], where) for column in _POINT)
    probability = (row.get("probability") or "").strip()
    return Vertebra(label, (x, y, z), number(probability, where) if probability else None)


def _label(row: dict[str, str | None], where: str) -> int:
    name = (row.get("name") or "").strip()
    return parse_label(name, where) if name else checked_label(row.get("label"), where)
