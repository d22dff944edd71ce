"""Claims: two runs on the same folder of results share the scans between them.

A claim is a lock of the operating system on a hidden file beside the scan's folder. It ends with the
process that holds it, however that ends, so nothing has to be cleaned up after a crash.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from spondyl.io.atomic import refused
from spondyl.io.temporary import sweep

__all__ = ["claimed"]


@contextmanager
def claimed(folder: Path) -> Iterator[bool]:
    """Whether the results of a scan are ours to write, for as long as the block runs.

    What a killed process left half-written beside the folder is removed.

    Args:
        folder: Of the scan's results; need not exist.

    Raises:
        OutputError: its parent cannot be written to.
    """
    claim = folder.parent / f".{folder.name}.claim"
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        left_over = claim.exists()  # its holder is at work, or was killed
        file = _locked(claim)
    except OSError as error:
        raise refused(claim, error) from error
    if file is None:
        yield False
        return
    try:
        if left_over:
            sweep(folder)
        yield True
    finally:
        claim.unlink(missing_ok=True)  # while the lock is held: nobody can lock a file that is gone
        os.close(file)


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
        os.close(file)
