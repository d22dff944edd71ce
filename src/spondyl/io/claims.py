"""Claims: one process at a time writes in a folder, whatever else is started on it.

A claim is a lock of the operating system on a hidden file beside the folder. It ends with the process
that holds it, however that ends, so nothing has to be cleaned up after a crash.
"""

import contextlib
import errno
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Final

from spondyl.io.atomic import refused
from spondyl.io.temporary import sweep

__all__ = ["NO_LOCKS", "claimant_of", "claimed"]

logger = logging.getLogger(__name__)

NO_LOCKS: Final = frozenset({errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOLCK})
"""What a disk without locks answers, such as Lustre mounted without ``flock``."""

_held: Final[set[int]] = set()


@contextmanager
def claimed(folder: Path, claimant: str = "") -> Iterator[bool]:
    """Whether a folder is ours to write, for as long as the block runs.

    What a killed process left half-written beside the folder is removed. Where a file system has no
    locks everybody's claim is granted, with a warning.

    Args:
        folder: Need not exist.
        claimant: Who claims it, for the messages of others.

    Raises:
        OutputError: its parent cannot be written to.
    """
    claim = _file(folder)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        left_over = claim.exists()  # its holder is at work, or was killed
        file = _locked(claim)
    except OSError as error:
        raise refused(claim, error) from error
    if file is None:
        yield False
        return
    _held.add(file)
    try:
        if left_over:
            sweep(folder)
        if claimant:
            with contextlib.suppress(OSError):  # a full disk
                os.ftruncate(file, 0)
                os.write(file, claimant.encode())
        yield True
    finally:
        claim.unlink(missing_ok=True)  # while the lock is held: nobody can lock a file that is gone
        _held.discard(file)
        os.close(file)


def claimant_of(folder: Path) -> str:
    """Who holds the claim to a folder, as far as is known."""
    try:
        return _file(folder).read_text(encoding="utf-8", errors="replace")
    except OSError:  # it has just ended
        return ""


def _file(folder: Path) -> Path:
    return folder.parent / f".{folder.name}.claim"


def _locked(claim: Path) -> int | None:
    """The file, opened and locked; ``None`` if another process (or thread) has it.

    Raises:
        OSError: the file cannot be made.
    """
    try:
        import fcntl
    except ImportError:  # pragma: no cover - Windows: no claims, only atomic writes
        return os.open(claim, os.O_RDWR | os.O_CREAT)
    while True:
        file = os.open(claim, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.path.samestat(os.fstat(file), claim.stat()):  # else it was unlinked meanwhile
                return file
        except BlockingIOError:
            os.close(file)
            return None
        except FileNotFoundError:
            pass
        except OSError as error:
            if error.errno in NO_LOCKS:
                _warn_of_no_locks(claim.parent)
                return file
            os.close(file)
            raise
        os.close(file)


@cache
def _warn_of_no_locks(folder: Path) -> None:
    """Once for a folder, though thousands of claims are made in it."""
    logger.warning("%s: no locks on this file system; start nothing else on it", folder)


def _let_go() -> None:
    """Close in a forked process what its parent holds, or the claim would outlive the parent."""
    for file in _held:
        os.close(file)
    _held.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_let_go)
