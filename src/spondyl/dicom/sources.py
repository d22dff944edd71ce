"""Where DICOM files lie: in folders, in a zip archive, or listed by a DICOMDIR."""

import zipfile
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Final, Self

from spondyl.dicom.archive import ARCHIVE_ERRORS, is_zip, members, open_archive
from spondyl.errors import ImageError

__all__ = ["Opener", "Source", "is_dicom", "list_sources", "looks_like_dicom"]

_HEAD: Final = 132
_FIRST_GROUPS: Final = (b"\x02\x00", b"\x08\x00")
_COMMON_VRS: Final = (b"UL", b"UI", b"CS", b"OB", b"SH", b"LO", b"DA", b"TM")


@dataclass(frozen=True, order=True, slots=True)
class Source:
    """One file.

    Attributes:
        path: The file, or the archive that holds it.
        member: Its name inside the archive, or empty.
    """

    path: Path
    member: str = ""

    def __str__(self) -> str:
        return f"{self.path}: {self.member}" if self.member else str(self.path)


class Opener:
    """Opens sources; keeps each archive open until the ``with`` block ends."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._archives: dict[Path, zipfile.ZipFile] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def archive(self, path: Path) -> zipfile.ZipFile:
        """The archive at a path, checked when it is first opened.

        Raises:
            ImageError: it cannot be trusted, see :func:`spondyl.dicom.archive.open_archive`.
        """
        if path not in self._archives:
            self._archives[path] = self._stack.enter_context(open_archive(path))
        return self._archives[path]

    def open(self, source: Source) -> IO[bytes]:
        """A stream of the file; members of an archive are unpacked as they are read.

        Raises:
            OSError: the file cannot be opened.
            ImageError: the archive is damaged.
        """
        if not source.member:
            return source.path.open("rb")
        try:
            return self.archive(source.path).open(source.member)
        except (KeyError, *ARCHIVE_ERRORS) as error:
            raise ImageError(f"{source}: cannot be unpacked ({error}); make the archive again") from error


def list_sources(path: Path, opener: Opener) -> Iterator[Source]:
    """Every file that may be DICOM, in the order of names.

    Args:
        path: A folder (searched with its sub-folders), a zip archive, a DICOMDIR or a DICOM file. A single
            file stands for all files of its folder, since a CT series is many of them.
        opener: Keeps archives open.

    Raises:
        ImageError: nothing there, an archive that cannot be trusted, or a damaged DICOMDIR.
    """
    from spondyl.datasets.files import list_files

    if path.is_dir():
        yield from map(Source, list_files(path))
    elif not path.exists():
        raise ImageError(f"{path}: no such file or folder, or not yours to read")
    elif is_zip(path):
        yield from (Source(path, name) for name in members(opener.archive(path)))
    elif path.name.upper() == "DICOMDIR":
        from spondyl.dicom.dicomdir import listed_files

        yield from map(Source, listed_files(path))
    else:
        yield from map(Source, sorted(file for file in path.absolute().parent.iterdir() if file.is_file()))


def looks_like_dicom(head: bytes) -> bool:
    """Whether a file's first 132 bytes are those of DICOM, with the preamble or (old files) without it."""
    if head[128:132] == b"DICM":
        return True
    return head[:2] in _FIRST_GROUPS and (head[4:6] in _COMMON_VRS or head[6:8] == b"\x00\x00")


def is_dicom(path: Path | str) -> bool:
    """Whether a path leads to a DICOM file, a DICOMDIR or a zip archive with a DICOM file in it.

    A folder counts if any file below it does. Archives inside folders are not looked into.
    """
    with Opener() as opener:
        try:
            if Path(path).is_file() and not is_zip(Path(path)):
                return looks_like_dicom(_head(Source(Path(path)), opener))
            return any(looks_like_dicom(_head(source, opener)) for source in list_sources(Path(path), opener))
        except (ImageError, OSError):
            return False


def _head(source: Source, opener: Opener) -> bytes:
    try:
        with opener.open(source) as stream:
            return stream.read(_HEAD)
    except (OSError, ImageError, *ARCHIVE_ERRORS):
        return b""
