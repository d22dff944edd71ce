"""Who does the work: this process, several processes, or a cluster, behind one small protocol."""

from collections.abc import Generator, Iterable
from typing import Protocol

from spondyl.batch.job import Job
from spondyl.batch.records import Record, Task

__all__ = ["Executor"]


class Executor(Protocol):
    """Does a job's tasks; knows nothing about what they are.

    Attributes:
        workers: How many scans are computed at once.
    """

    workers: int

    def run(self, job: Job, tasks: Iterable[Task]) -> Generator[Record, None, None]:
        """Do all tasks, and give one record each, as they finish.

        A task is taken from ``tasks`` when there is a worker for it, so there may be any number of them.
        When the iterator is closed (or fails, or is interrupted) the workers are stopped: scans at hand end
        at their next step without leaving anything behind.

        Raises:
            ModelError: the workers cannot use the model.
            MissingDependencyError: something is not installed.
            WorkerError: no worker stays alive.
        """
        ...
