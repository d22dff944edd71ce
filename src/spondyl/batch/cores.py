"""Processor cores that are really ours: affinity and the limits of a container count."""

import os
from pathlib import Path
from typing import Final

__all__ = ["available_cores", "threads_per_worker"]

_LIMIT: Final = Path("/sys/fs/cgroup/cpu.max")
"""``QUOTA PERIOD`` in microseconds, or ``max PERIOD``; of Linux control groups, version 2."""


def available_cores(limit: Path = _LIMIT) -> int:
    """Cores this process may use; at least one.

    Args:
        limit: The container's file, for tests.
    """
    try:
        cores = len(os.sched_getaffinity(0))
    except AttributeError:  # pragma: no cover - macOS, Windows
        cores = os.cpu_count() or 1
    try:
        quota, period = limit.read_text(encoding="ascii").split()
    except (OSError, ValueError):
        return cores
    return cores if quota == "max" else max(1, min(cores, int(quota) // int(period)))


def threads_per_worker(workers: int) -> int:
    """Threads for each of so many workers, so that together they do not ask for more than there is."""
    return max(1, available_cores() // workers)
