"""The series a result was made from, found again for the objects that refer to it."""

import logging
from collections.abc import Sequence
from pathlib import Path

from pydicom import Dataset

from spondyl.dicom.choose import choose_series
from spondyl.dicom.deflated import inflated
from spondyl.dicom.find import find_series
from spondyl.dicom.headers import MAX_HEADER, read_dataset
from spondyl.dicom.objects.headers import prepared
from spondyl.dicom.series import SeriesInfo
from spondyl.dicom.slices import Slice
from spondyl.dicom.sources import Opener
from spondyl.errors import ImageError
from spondyl.volume import Grid

__all__ = ["headers_at"]

logger = logging.getLogger(__name__)


def headers_at(
    path: Path | str, grid: Grid, series: str | None = None, *, named: bool = False
) -> tuple[Dataset, ...]:
    """Headers, without pixels, of the series that lies on a grid.

    Args:
        path: A folder, archive or DICOMDIR, of whose series the one on the grid is taken; or one file
            of the series.
        grid: Of the result.
        series: Its Series Instance UID, if that is known.
        named: Somebody said that the series lies there: one on the grid will do, whatever its UID.

    Returns:
        In the order of the slices, completed (:func:`spondyl.dicom.objects.headers.prepared`); of
        multi-frame files one per file.

    Raises:
        ImageError: no series there lies on the grid, those of several studies do, the one of this UID
            does not, or nothing can be derived from it.
        MissingDependencyError: the extra ``dicom`` is not installed.
    """
    path = Path(path)
    found = find_series(path)
    fitting = [info for info in found if info.stack is not None and info.stack.grid.is_close(grid, 0.1)]
    if path.is_file():
        one = [info for info in fitting if info.stack and path.absolute() in _files(info.stack.slices)]
        fitting = one or fitting
    if not fitting:
        there = "; ".join(info.title for info in found[:8]) or "none"
        raise ImageError(f"{path}: no series lies on the grid of this result; series there: {there}")
    own = [info for info in fitting if info.uid == series]
    if series is not None and not own:
        if not named:  # another patient's may have come to the same place
            raise ImageError(
                f"{path}: the series of this result is not there any more ({series});"
                " --series names its place"
            )
        logger.warning("%s: no series of the UID of this result; one on its grid is taken", path)
    fitting = own or fitting
    choice, *others = choose_series(fitting)
    chosen = choice.series
    if others:  # nothing tells whose the result is, and it must not become somebody else's
        raise ImageError(
            f"{path}: series of {1 + len(others)} studies lie on the grid of this result:"
            f" {'; '.join(info.title for info in fitting[:8])}; --series names a file or the folder of the"
            " right one"
        )
    if len(fitting) > 1:
        logger.warning(
            "%s: %d series lie on the grid of this result; taken: %s", path, len(fitting), chosen.title
        )
    return tuple(prepared(_headers(chosen)))  # once for all objects, and refused here if it cannot be


def _files(slices: Sequence[Slice]) -> set[Path]:
    return {piece.source.path.absolute() for piece in slices if not piece.source.member}


def _headers(info: SeriesInfo) -> tuple[Dataset, ...]:
    slices = info.stack.slices if info.stack is not None else ()
    headers = []
    with Opener() as opener:
        for source in dict.fromkeys(piece.source for piece in slices):
            with opener.open(source) as stream:
                headers.append(read_dataset(source, inflated(source, stream, MAX_HEADER, whole=False)))
    return tuple(headers)
