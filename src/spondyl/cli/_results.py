"""What commands do for each of many results."""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from spondyl.errors import DiskFullError, InputError, OutputError

__all__ = ["for_each_result"]


def for_each_result(folders: Sequence[Path], work: Callable[[Path], object]) -> int:
    """Do something for every result; of several, one that cannot be used is told of, and the others go on.

    Args:
        folders: Of one result each.
        work: What to do.

    Returns:
        Exit code: 0, or 1 if some results could not be used, 2 if none could.

    Raises:
        SpondylError: there is one result only, or what fails concerns all: a full disk, a missing extra.
    """
    failed = 0
    for folder in folders:
        try:
            work(folder)
        except (InputError, OutputError) as error:
            if len(folders) == 1 or isinstance(error, DiskFullError):
                raise
            sys.stderr.write(f"spondyl: {error}\n")
            failed += 1
    if not failed:
        return 0
    sys.stderr.write(f"spondyl: {failed} of {len(folders)} results could not be used\n")
    return 1 if failed < len(folders) else 2
