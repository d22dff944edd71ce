"""Many results on one page: a table to sort, small pictures, and what needs a look first."""

import base64
import io
import logging
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from spondyl.errors import AnnotationError, OutputError, SpondylError
from spondyl.io.atomic import write_text
from spondyl.outputs import RESULT, result_folders
from spondyl.report.html import environment
from spondyl.report.sheet import DISCLAIMER, FlagLine, flag_lines, span_of
from spondyl.result import Result

__all__ = ["COHORT", "CohortRow", "cohort_rows", "renew_cohort", "write_cohort"]

logger = logging.getLogger(__name__)

COHORT: Final = "index.html"
"""Name of the page in the folder of results."""

_OURS: Final = '<meta name="generator" content="spondyl">'
_HEAD_BYTES: Final = 2000
_MOST_RENEWED: Final = 500  # at 0.04 s each
_THUMB_PX: Final = (220, 220)
_L1: Final = "L1"


@dataclass(frozen=True)
class CohortRow:
    """One scan of many.

    Attributes:
        name: Of its folder.
        link: To its report, or to its picture or ``result.json`` where there is no report.
        picture: JPEG in base64; empty without a preview.
        flags: The gravest first.
        span: First and last vertebra.
        count: Number of vertebrae.
        sure: Probability of the numbering, percent.
        density: Of L1, HU.
        grade: Largest Genant grade.
        cobb: Largest coronal Cobb angle, degrees.
        problem: Why the result cannot be read; empty if it can.
    """

    name: str
    link: str
    picture: str = ""
    flags: tuple[FlagLine, ...] = ()
    span: str = ""
    count: int = 0
    sure: float | None = None
    density: float | None = None
    grade: float | None = None
    cobb: float | None = None
    problem: str = ""

    @property
    def checks(self) -> int:
        """How many flags say that the result may be wrong; an unreadable result is worse than all."""
        return 99 if self.problem else sum(flag.severity == "check" for flag in self.flags)


def write_cohort(folder: Path | str, path: Path | str | None = None) -> Path:
    """Write the page of all results in a folder.

    Args:
        folder: Of results, as ``spondyl predict`` fills it.
        path: Where to; by default :data:`COHORT` in the folder. Links lead from there to the reports.

    Returns:
        The page.

    Raises:
        AnnotationError: no result there.
        MissingDependencyError: jinja2 is not installed.
        OutputError: a file of another program is there, or the file cannot be written.
    """
    folder = Path(folder)
    path = folder / COHORT if path is None else Path(path)
    if path.exists() and not _is_ours(path):
        raise OutputError(f"{path}: exists and was not written by spondyl; move it away")
    template = environment().get_template("cohort.html.j2")
    rows = cohort_rows(result_folders(folder), path.parent)
    title = folder.resolve().name or "results"
    write_text(path, template.render(title=title, rows=rows, disclaimer=DISCLAIMER))
    return path


def renew_cohort(folder: Path) -> None:
    """Write the page of a folder of results anew, if it has one; after a result in it was corrected.

    The correction stands even where the page cannot be written, or would take long; a warning says so.
    """
    page = folder / COHORT
    if not page.is_file() or not _is_ours(page):
        return
    try:
        count = len(result_folders(folder))
        if count > _MOST_RENEWED:
            raise OutputError(f"it has {count} results; 'spondyl report' renews it")
        write_cohort(folder)
    except SpondylError as error:
        logger.warning("%s still shows results as they were before the correction: %s", page, error)


def _is_ours(page: Path) -> bool:
    """Whether Spondyl wrote a page; the mark stands at its beginning."""
    with page.open("rb") as stream:
        return _OURS.encode() in stream.read(_HEAD_BYTES)


def cohort_rows(folders: Iterable[Path], seen_from: Path) -> list[CohortRow]:
    """Rows of results, those that need a look first.

    Args:
        folders: Of one result each.
        seen_from: Folder of the page.
    """
    rows = [_row(folder, seen_from) for folder in folders]
    return sorted(rows, key=lambda row: (-row.checks, 1.0 if row.sure is None else row.sure, row.name))


def _row(folder: Path, seen_from: Path) -> CohortRow:
    there = next(
        name for name in ("report.html", "report.pdf", "preview.png", RESULT) if (folder / name).is_file()
    )
    link = Path(os.path.relpath((folder / there).resolve(), seen_from.resolve())).as_posix()
    try:
        result = Result.read(folder / RESULT)
    except AnnotationError as error:
        return CohortRow(folder.name, link, problem=str(error))
    sure = result.numbering_probability
    measured = {v.name: v.values for v in result.measurements.vertebrae} if result.measurements else {}
    density = measured[_L1].get("trabecular_hu") if _L1 in measured else None
    grades = [values["genant_grade"].value for values in measured.values() if "genant_grade" in values]
    cobb = result.measurements.angles.get("coronal_cobb") if result.measurements else None
    return CohortRow(
        folder.name,
        link,
        _thumbnail(folder / "preview.png"),
        flag_lines(result),
        span_of(result.vertebrae),
        len(result.vertebrae),
        None if sure is None else min(100 * sure, 99.0),  # no numbering is surer
        None if density is None else density.value,
        max((grade for grade in grades if grade is not None), default=None),
        None if cobb is None else cobb.value,
    )


def _thumbnail(path: Path) -> str:
    """A small JPEG of a picture, in base64; empty where there is none."""
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(path) as picture:
            small = picture.convert("RGB")
    except (OSError, UnidentifiedImageError):
        return ""
    small.thumbnail(_THUMB_PX)
    stream = io.BytesIO()
    small.save(stream, "JPEG", quality=80)
    return base64.b64encode(stream.getvalue()).decode("ascii")
