"""Zip archives, read member by member in memory: nothing is ever unpacked to the disk."""

import stat
import struct
import zipfile
import zlib
from pathlib import Path, PurePosixPath
from typing import Final

from spondyl.errors import ImageError

__all__ = ["ARCHIVE_ERRORS", "BROKEN", "is_zip", "members", "open_archive"]

BROKEN: Final = (zipfile.BadZipFile, zlib.error)
"""What reading a damaged member raises."""

ARCHIVE_ERRORS: Final = (
    *BROKEN,
    EOFError,
    NotImplementedError,
    RuntimeError,
    OSError,
    ValueError,
    struct.error,
)
"""What reading a damaged or encrypted archive may raise."""

_MAX_MEMBERS: Final = 200_000
_MAX_MEMBER: Final = 4 << 30
_MAX_RATIO: Final = 1100  # Deflate packs 1032 bytes into one at most; other methods have no such limit
_SMALL: Final = 64 << 20


def is_zip(path: Path) -> bool:
    """Whether a file begins as a zip archive does, whatever its name."""
    with path.open("rb") as stream:
        return stream.read(4) in (b"PK\x03\x04", b"PK\x05\x06")


def open_archive(path: Path) -> zipfile.ZipFile:
    """Open an archive whose members are to be trusted; close it after use.

    Raises:
        ImageError: no intact zip archive, a member that points outside of it, or one that unpacks to more
            than any series holds.
    """
    try:
        archive = zipfile.ZipFile(path)
    except ARCHIVE_ERRORS as error:
        raise ImageError(f"{path}: not an intact zip archive ({error}); make or copy it again") from error
    try:
        _check(path, archive)
    except ImageError:
        archive.close()
        raise
    return archive


def members(archive: zipfile.ZipFile) -> list[str]:
    """Names of the files in an archive, sorted; what macOS adds is left out."""
    names = (info.filename for info in archive.infolist() if not info.is_dir())
    return sorted(name for name in names if not _hidden(PurePosixPath(name)))


def _check(path: Path, archive: zipfile.ZipFile) -> None:
    infos = archive.infolist()
    if len(infos) > _MAX_MEMBERS:
        raise ImageError(
            f"{path}: holds {len(infos):,} files; expected at most {_MAX_MEMBERS:,}, give a part"
        )
    for info in infos:
        name, parts = info.filename, PurePosixPath(info.filename).parts
        outside = ".." in parts or name.startswith(("/", "\\")) or "\\" in name or name[1:2] == ":"
        if outside or not name or stat.S_ISLNK(info.external_attr >> 16):
            raise ImageError(f"{path}: refused: its member {name!r} points outside the archive")
        if info.flag_bits & 1:
            raise ImageError(f"{path}: encrypted; unpack it with its password first")
        ratio = info.file_size / max(info.compress_size, 1)
        if info.file_size > _MAX_MEMBER or (info.file_size > _SMALL and ratio > _MAX_RATIO / 4):
            raise ImageError(
                f"{path}: refused: its member {name!r} of {info.compress_size:,} bytes would unpack to"
                f" {info.file_size:,} bytes, as no image does"
            )


def _hidden(name: PurePosixPath) -> bool:
    return any(part.startswith((".", "__MACOSX")) for part in name.parts)
