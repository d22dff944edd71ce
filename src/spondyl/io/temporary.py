"""Temporary folders beside what they will become, which a later run can tell from those still at work.

``.NAME.part`` belongs to the process that holds a lock on it. The lock ends with the process, however
that ends; so a folder that can be locked was left by a kill, and is cleaned up by whoever comes next.
"""

import contextlib
import ctypes
import errno
import logging
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any, Final

try:
    import fcntl
except ImportError:  # pragma: no cover - Windows: nothing is told apart, so nothing is cleaned up
    fcntl = None  # type: ignore[assignment]

__all__ = ["swap", "sweep", "temporary_beside"]

logger = logging.getLogger(__name__)

_OLD: Final = "old"
_HERE: Final = -100  # AT_FDCWD
_EXCHANGE: Final = 2  # RENAME_EXCHANGE of Linux, and RENAME_SWAP of macOS


@contextlib.contextmanager
def temporary_beside(target: Path) -> Iterator[Path]:
    """An empty folder in the folder of ``target``; removed at the end.

    Raises:
        OSError: it cannot be made.
    """
    folder, lock = _take(target)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        if lock is not None:
            os.close(lock)


def sweep(target: Path) -> None:
    """Clean up beside ``target`` what a killed process left; what it was about to replace comes back."""
    for number in count():
        folder = _name(target, number)
        if not os.path.isdir(folder):  # noqa: PTH112 - Path.is_dir may raise
            return
        try:
            lock = _lock(folder)
        except OSError:
            return
        if lock is not None:
            _clean(folder, target)
            with contextlib.suppress(OSError):
                folder.rmdir()
            os.close(lock)


def swap(new: Path, target: Path, folder: Path) -> None:
    """Put ``new`` in the place of ``target``; what was there goes to the temporary ``folder``.

    In one step where the system can exchange two names, so that at every moment the old or the new is
    there. Elsewhere in two; :func:`sweep` puts right what a kill between them leaves.

    Raises:
        OSError: it cannot be done; ``target`` is as it was.
    """
    old = folder / _OLD
    if target.exists() and not _exchange(new, target):
        target.rename(old)
    elif target.exists():
        return
    try:
        new.rename(target)
    except OSError:
        if old.exists():
            old.rename(target)
        raise


def _take(target: Path) -> tuple[Path, int | None]:
    """An empty folder and the lock on it; another name for every process that writes the same target."""
    for number in count():
        folder = _name(target, number)
        folder.mkdir(0o700, exist_ok=True)
        try:
            lock = _lock(folder)
        except OSError:  # a file system without locks
            folder.rmdir()
            break
        if lock is not None:
            _clean(folder, target)
            return folder, lock
    return Path(tempfile.mkdtemp(prefix=f".{target.name}.", suffix=".part", dir=target.parent)), None


def _name(target: Path, number: int) -> Path:
    return target.parent / f".{target.name}.{number or ''}.part".replace("..part", ".part")


def _lock(folder: Path) -> int | None:
    """The folder, opened and locked; ``None`` if another process (or thread) has it, or it is gone.

    Raises:
        OSError: there are no locks here.
    """
    if fcntl is None:  # pragma: no cover
        raise OSError(errno.ENOTSUP, os.strerror(errno.ENOTSUP))
    try:
        file = os.open(folder, os.O_RDONLY)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.path.samestat(os.fstat(file), folder.stat()):  # else it was removed meanwhile
            return file
    except (BlockingIOError, FileNotFoundError):
        pass
    except OSError:
        os.close(file)
        raise
    os.close(file)
    return None


def _clean(folder: Path, target: Path) -> None:
    """Empty a folder that a killed process left."""
    old = folder / _OLD
    if old.exists() and not target.exists():
        logger.warning("%s: an earlier run was killed while replacing it; the old one is back", target)
        old.rename(target)
    for rest in folder.iterdir():
        if rest.is_dir() and not rest.is_symlink():
            shutil.rmtree(rest, ignore_errors=True)
        else:
            rest.unlink(missing_ok=True)


def _exchange(first: Path, second: Path) -> bool:
    """Exchange two names in one step, where the system can."""
    libc: Any = ctypes.CDLL(None) if sys.platform in ("linux", "darwin") else None
    names = os.fsencode(first), os.fsencode(second)
    if hasattr(libc, "renameat2"):
        return bool(libc.renameat2(_HERE, names[0], _HERE, names[1], _EXCHANGE) == 0)
    if hasattr(libc, "renamex_np"):
        return bool(libc.renamex_np(*names, _EXCHANGE) == 0)
    return False
