"""Which scan is with which worker, and what to do about the scans of a worker that died."""

from collections import deque
from collections.abc import Hashable, Iterable
from itertools import islice
from typing import Final

from spondyl.batch.records import Task
from spondyl.batch.worker import OVERLAP

__all__ = ["Ledger"]

_CHANCES: Final = 3
"""A scan whose worker died so often is given up."""


class Ledger:
    """Gives out tasks and remembers who has them.

    A worker holds few tasks at once, so that no more are in flight than can be worked on (back-pressure).
    When one dies, nobody knows which of its scans was to blame. Each is tried again alone, and is given up if
    its worker dies again and again.

    Args:
        tasks: Any number; a task is taken when there is a worker for it.
        capacity: Tasks a worker may hold at once.
    """

    def __init__(self, tasks: Iterable[Task], capacity: int = OVERLAP) -> None:
        self._tasks = iter(tasks)
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
            held.append(task)
        return task

    def finished(self, worker: Hashable, name: str) -> None:
        """A worker is done with the scan of this name."""
        self._held[worker] = [task for task in self._held[worker] if task.scan.name != name]
        self._losses.pop(name, None)

    def lost(self, worker: Hashable) -> list[Task]:
        """A worker died; gives the tasks that are given up, the others will be given out again."""
        given_up = []
        for task in self._held.pop(worker, []):
            self._losses[task.scan.name] = self._losses.get(task.scan.name, 0) + 1
            if self._losses[task.scan.name] < _CHANCES:
                self._suspects.append(task)
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
