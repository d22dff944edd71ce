"""How the processes that draw patches and read samples are started."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from spondyl.errors import SpondylError, WorkerError

__all__ = ["explained", "start_method"]

_WITH_THREADS: Final = ("openvino", "onnxruntime")
"""Engines whose threads a forked process does not get, while it gets the locks they hold."""


def start_method(workers: int) -> str | None:
    """What a torch ``DataLoader`` of so many workers takes as ``multiprocessing_context``.

    A fork shares the prepared scans without copying them, so it is left to torch, which forks on Linux. In a
    process that has predicted before, the threads of an inference engine make that unsafe. There each worker
    starts anew and gets a copy of the data.
    """
    return "spawn" if workers and any(name in sys.modules for name in _WITH_THREADS) else None


@contextmanager
def explained() -> Iterator[None]:
    """What ends the processes of a ``DataLoader`` is told in one line, without torch's traces.

    torch raises it wherever the training is just then, so the block is the whole training.

    Raises:
        WorkerError: one of the processes was killed.
    """
    try:
        yield
    except SpondylError as error:  # torch hands on errors of its workers with their traceback in the message
        raise type(error)(str(error).rpartition(f"{type(error).__name__}: ")[2].strip()) from error
    except RuntimeError as error:
        if "DataLoader worker" not in str(error):
            raise
        raise WorkerError(
            "a process that prepares batches was killed, mostly because memory is short; give fewer"
            " --workers, and add --resume to go on from the last checkpoint"
        ) from error
