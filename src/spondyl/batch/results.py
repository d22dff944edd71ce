"""Where results go: one small interface, for a folder here and for a store elsewhere."""

import shutil
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Final, Protocol

from spondyl.batch.scans import is_url
from spondyl.errors import AnnotationError, DiskFullError, OutputError
from spondyl.io.claims import claimed
from spondyl.outputs import RESULT, check_free, write_outputs
from spondyl.result import Result
from spondyl.spine import Spine
from spondyl.volume import Volume

__all__ = ["LocalResults", "Results", "results_at"]

_TOO_LITTLE: Final = 1 << 20
"""Bytes; with less left, a write that failed for no given reason failed for this one."""


class Results(Protocol):
    """The folders of results of many scans, by the scans' names."""

    def claim(self, name: str) -> AbstractContextManager[bool]:
        """Whether a scan's results are ours to write, for as long as the block runs."""
        ...

    def earlier(self, name: str) -> Result | None:
        """The result that is there already.

        Raises:
            OutputError: something else is there.
        """
        ...

    def write(
        self,
        name: str,
        spine: Spine,
        volume: Volume,
        *,
        file: Path,
        sha256: str,
        series: str | None,
        also: Sequence[str],
    ) -> Result:
        """Write all files of a scan, at once or not at all; see :func:`spondyl.outputs.write_outputs`.

        Raises:
            OutputError: they cannot be written.
        """
        ...


class LocalResults(Results):
    """Results in a folder of this machine, or one that several machines share.

    Args:
        out: The folder; missing parents are made.
    """

    def __init__(self, out: Path) -> None:
        self._out = out

    def claim(self, name: str) -> AbstractContextManager[bool]:
        """See :class:`Results`."""
        return claimed(self._out / name)

    def earlier(self, name: str) -> Result | None:
        """See :class:`Results`."""
        folder = self._out / name
        check_free(folder, overwrite=True)
        if not (folder / RESULT).is_file():
            return None
        try:
            return Result.read(folder / RESULT)
        except AnnotationError as error:
            raise OutputError(f"{error}; --overwrite replaces it") from error

    def write(
        self,
        name: str,
        spine: Spine,
        volume: Volume,
        *,
        file: Path,
        sha256: str,
        series: str | None,
        also: Sequence[str],
    ) -> Result:
        """See :class:`Results`."""
        folder = self._out / name
        try:
            return write_outputs(
                spine, volume, folder, file=file, sha256=sha256, series=series, also=also, overwrite=True
            )
        except DiskFullError:
            raise
        except OutputError as error:
            if shutil.disk_usage(self._out).free < _TOO_LITTLE:
                raise DiskFullError(str(error)) from error
            raise


def results_at(out: str) -> Results:
    """The results in a folder, or behind a URL."""
    if is_url(out):
        from spondyl.batch.remote import RemoteResults

        return RemoteResults(out)
    return LocalResults(Path(out))
