"""DICOM series as scans of a batch: many files, or members of an archive, read as one."""

from dataclasses import dataclass
from pathlib import Path

from spondyl.batch.scans import Scan
from spondyl.dicom import SeriesInfo, choose_series, find_series, read_series
from spondyl.errors import ImageError
from spondyl.volume import Volume

__all__ = ["DicomScan", "find_dicom_scans"]


@dataclass(frozen=True)
class DicomScan(Scan):
    """A CT series.

    Attributes:
        name: From the description and the UID of the series, never from the patient.
        path: The first file of the series, or the archive that holds it.
        series: The series.
        others: Why each other series of the study was not taken.
    """

    series: SeriesInfo
    others: tuple[str, ...] = ()

    @property
    def place(self) -> str:
        """The folder or archive, and the series in it."""
        where = self.path if self._in_archive else self.path.parent
        return f"{where} ({self.series.uid})" if self.series.uid else str(where)

    @property
    def files(self) -> tuple[Path, ...]:
        """The files of the slices that are read, or the archive."""
        stack = self.series.stack
        slices = () if stack is None else stack.slices
        return tuple(dict.fromkeys(piece.source.path for piece in slices)) or (self.path,)

    @property
    def passed_over(self) -> tuple[str, ...]:
        """See :attr:`spondyl.batch.scans.Scan.passed_over`."""
        return self.others

    @property
    def series_uid(self) -> str | None:
        """See :attr:`spondyl.batch.scans.Scan.series_uid`."""
        return self.series.uid or None

    def read(self) -> Volume:
        """See :meth:`spondyl.batch.scans.Scan.read`."""
        return read_series(self.series).volume

    @property
    def _in_archive(self) -> bool:
        stack = self.series.stack
        return stack is not None and bool(stack.slices[0].source.member)


def find_dicom_scans(path: Path, series: str | None = None) -> list[DicomScan]:
    """One series of each study in a folder, an archive or a DICOMDIR.

    Args:
        path: What the user gave.
        series: Which series, see :func:`spondyl.dicom.choose_series`; without it the best one.

    Raises:
        ImageError: no series can be read.
        MissingDependencyError: the extra ``dicom`` is not installed.
    """
    found = find_series(path)
    try:
        choices = choose_series(found, series)
    except ImageError as error:
        raise ImageError(f"{path}: {error}") from error
    return [
        DicomScan(choice.series.name, choice.series.path, choice.series, choice.skipped) for choice in choices
    ]
