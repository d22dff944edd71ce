"""How the processes that draw patches and read samples are started."""

import sys
from typing import Final

__all__ = ["start_method"]

_WITH_THREADS: Final = ("openvino", "onnxruntime")
"""Engines whose threads a forked process does not get, while it gets the locks they hold."""


def start_method(workers: int) -> str | None:
    """What a torch ``DataLoader`` of so many workers takes as ``multiprocessing_context``.

    A fork shares the prepared scans without copying them, so it is left to torch, which forks on Linux. In a
    process that has predicted before, the threads of an inference engine make that unsafe. There each worker
    starts anew and gets a copy of the data.
    """
    return "spawn" if workers and any(name in sys.modules for name in _WITH_THREADS) else None
