"""Writing without ever leaving half a file or folder: a temporary name beside the target, then a rename."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from spondyl.errors import DiskFullError, OutputError
from spondyl.io.temporary import swap, temporary_beside

__all__ = [
    "atomic_folder",
    "atomic_path",
    "check_writable",
    "is_full",
    "refused",
    "write_bytes",
    "write_text",
]

_NO_SPACE: Final = "free some space, or write elsewhere"
_NO_PERMISSION: Final = "choose a folder that you may write to"
_IN_THE_WAY: Final = "choose another name, or move away what is there"
_FULL: Final = (errno.ENOSPC, errno.EDQUOT)
_REMEDIES: Final = {
    errno.EACCES: _NO_PERMISSION,
    errno.EPERM: _NO_PERMISSION,
    errno.EROFS: _NO_PERMISSION,
    errno.EEXIST: _IN_THE_WAY,
    errno.ENOTDIR: _IN_THE_WAY,
    errno.EISDIR: _IN_THE_WAY,
}


@contextmanager
def atomic_path(target: Path | str) -> Iterator[Path]:
    """A path to write to; it becomes ``target`` when the block ends, or vanishes when it fails.

    The temporary name keeps the suffixes of ``target``, since many writers choose the format by
    them. Missing parent folders are made.

    Raises:
        OutputError: the file cannot be written (no space, no permission, a folder in its place).
    """
    target = Path(target)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with temporary_beside(target) as folder:
            yield folder / target.name
            (folder / target.name).replace(target)
    except OSError as error:
        raise refused(target, error) from error


@contextmanager
def atomic_folder(target: Path | str) -> Iterator[Path]:
    """An empty folder to fill; it becomes ``target`` when the block ends, or vanishes when it fails.

    A folder of that name is replaced as a whole, and still there if anything fails. Missing parent
    folders are made.

    Raises:
        OutputError: the folder cannot be written (no space, no permission).
    """
    target = Path(target)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with temporary_beside(target) as folder:
            new = folder / "new"
            new.mkdir()
            try:
                yield new
            except OutputError as error:  # name the file where the user would have found it
                raise type(error)(str(error).replace(str(new), str(target))) from error
            swap(new, target, folder)
    except OSError as error:
        raise refused(target, error) from error


def write_text(target: Path | str, text: str) -> None:
    """Write UTF-8 text atomically, with Unix line ends, and flush it to the disk.

    Raises:
        OutputError: the file cannot be written.
    """
    write_bytes(target, text.encode())


def write_bytes(target: Path | str, content: bytes) -> None:
    """Write a file atomically, and flush it to the disk.

    Raises:
        OutputError: the file cannot be written.
    """
    with atomic_path(target) as temporary, temporary.open("wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())


def check_writable(*folders: Path | str) -> None:
    """Refuse folders that could not be made or written to, before any time is spent on their content.

    Nothing is made.

    Raises:
        OutputError: a file is in the way, or permission is missing.
    """
    for folder in map(Path, folders):
        # Path.exists raises where a parent cannot be looked into; these do not.
        there = next(place for place in (folder, *folder.absolute().parents) if os.access(place, os.F_OK))
        if os.access(there, os.W_OK | os.X_OK) and there.is_dir():
            continue
        number = errno.EACCES if there.is_dir() else errno.ENOTDIR
        raise refused(there, OSError(number, os.strerror(number)))


def is_full(error: OSError) -> bool:
    """Whether a disk, or what one may use of it, is full."""
    return error.errno in _FULL


def refused(target: Path, error: OSError) -> OutputError:
    """What to tell about a refused write; libraries that hide the reason mostly mean a full disk."""
    if is_full(error):
        return DiskFullError(f"{target}: cannot be written: {error.strerror}; {_NO_SPACE}")
    reason = error.strerror or f"{error} (a full disk?)"
    remedy = _REMEDIES.get(error.errno or 0)
    return OutputError(f"{target}: cannot be written: {reason}" + (f"; {remedy}" if remedy else ""))
