"""Which scan is with which worker, and what to do about the scans of a worker that died."""

import time
from collections import deque
from collections.abc import Callable, Hashable, Iterable
from dataclasses import replace
from itertools import islice
from typing import Final

from spondyl.batch.records import Task
from spondyl.batch.worker import OVERLAP

__all__ = ["TIME_LIMIT_S", "Ledger"]

TIME_LIMIT_S: Final = 3600
"""Seconds; no scan that can be used takes so long."""

_CHANCES: Final = 3
"""A scan whose worker died so often is given up."""

_PATIENCE_S: Final = 30.0
"""Seconds after which a lost worker is not expected to end any more; it may be cut off and go on."""


class Ledger:
    """Gives out tasks and remembers who has them.

    A worker holds few tasks at once, so that no more are in flight than can be worked on (back-pressure).
    When one dies, nobody knows which of its scans was to blame. Each is tried again alone, and is given up if
    its worker dies again and again. A worker that holds scans and finishes none for long is for its owner to
    end: a scan that took so long alone is given up at once.

    Args:
        tasks: Any number; a task is taken when there is a worker for it.
        capacity: Tasks a worker may hold at once.
        limit_s: Seconds that a worker may take to finish a scan.
        clock: Seconds, for tests.
    """

    def __init__(
        self,
        tasks: Iterable[Task],
        capacity: int = OVERLAP,
        *,
        limit_s: float = TIME_LIMIT_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._tasks = iter(tasks)
        self._limit_s = limit_s
        self._clock = clock
        self._since: dict[Hashable, float] = {}
        self._ahead: list[Task] = []
        self._capacity = capacity
        self._held: dict[Hashable, list[Task]] = {}
        self._suspects: deque[Task] = deque()
        self._losses: dict[str, int] = {}

    def next_for(self, worker: Hashable) -> Task | None:
        """A task for this worker; ``None``: it has enough for now, or there is none left."""
        held = self._held.setdefault(worker, [])
        if self._suspects:
            task = None if held else self._suspects.popleft()
        elif len(held) >= self._capacity or any(other.scan.name in self._losses for other in held):
            task = None
        else:
            task = self._ahead.pop() if self._more() else None
        if task is not None:
            if not held:
                self._since[worker] = self._clock()
            held.append(task)
        return task

    def finished(self, worker: Hashable, name: str) -> None:
        """A worker is done with the scan of this name."""
        self._held[worker] = [task for task in self._held[worker] if task.scan.name != name]
        self._losses.pop(name, None)
        self._since[worker] = self._clock()

    @property
    def overdue(self) -> list[Hashable]:
        """Workers that hold scans and have finished none for the time limit."""
        return [worker for worker in self._busy if self._clock() - self._since[worker] >= self._limit_s]

    @property
    def patience_s(self) -> float | None:
        """Seconds until a worker may be overdue; ``None``: none holds a scan."""
        begun = [self._since[worker] for worker in self._busy]
        return max(0.0, min(begun) + self._limit_s - self._clock()) if begun else None

    @property
    def _busy(self) -> list[Hashable]:
        return [worker for worker, held in self._held.items() if held]

    def lost(self, worker: Hashable, *, slow: bool = False) -> list[Task]:
        """A worker died, or was ended because it was ``slow``.

        Returns:
            The tasks that are given up; the others will be given out again.
        """
        given_up = []
        self._since.pop(worker, None)
        held = self._held.pop(worker, [])
        for task in held:
            self._losses[task.scan.name] = self._losses.get(task.scan.name, 0) + 1
            to_blame = slow and len(held) == 1
            if self._losses[task.scan.name] < _CHANCES and not to_blame:
                self._suspects.append(replace(task, patience_s=_PATIENCE_S))
            else:
                given_up.append(task)
        return given_up

    @property
    def has_work(self) -> bool:
        """Whether there is a task to give out."""
        return bool(self._suspects) or self._more()

    def _more(self) -> bool:
        """Look one task ahead, so that the end is known before somebody waits for what comes after it."""
        if not self._ahead:
            self._ahead.extend(islice(self._tasks, 1))
        return bool(self._ahead)

    @property
    def in_flight(self) -> int:
        """Tasks that workers hold."""
        return sum(map(len, self._held.values()))
