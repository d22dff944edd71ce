"""The headers that DICOM objects refer to, from where the scan lies."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from spondyl.errors import ImageError
from spondyl.volume import Grid

__all__ = ["headers_of"]


def headers_of(
    scan: Path | None, grid: Grid, series: str | None = None, *, named: bool = False
) -> Sequence[Any]:
    """Headers, without pixels, of the series of a result.

    Args:
        scan: Its file, folder or archive, if that is known.
        grid: The scan's.
        series: Its Series Instance UID, if that is known, to tell it from others on that grid.
        named: Somebody said that it lies there; see :func:`spondyl.dicom.objects.source.headers_at`.

    Raises:
        ImageError: it is not there or no DICOM, none of its series lies on the grid, or those of several
            studies do.
        MissingDependencyError: the extra ``dicom`` is not installed.
    """
    from spondyl.dicom import is_dicom

    if scan is None or not scan.exists():
        raise ImageError(f"{scan or 'the scan'}: is not there; --series names the folder of its DICOM series")
    if not is_dicom(scan):
        raise ImageError(
            f"{scan}: is no DICOM series, to whose images DICOM objects refer;"
            " --series names the folder of the one it was made from"
        )
    from spondyl.dicom.objects.source import headers_at

    return headers_at(scan, grid, series, named=named)
