"""One worker in this very process."""

import logging
import time
from collections.abc import Callable, Generator, Iterable
from itertools import islice
from queue import SimpleQueue
from threading import Thread
from typing import Final

from spondyl.batch.executors import Executor
from spondyl.batch.job import Job
from spondyl.batch.records import Record, Task
from spondyl.batch.scans import Scan
from spondyl.batch.worker import OVERLAP, Worker
from spondyl.inference import Pipeline
from spondyl.inference.tiling import Progress

__all__ = ["InProcess"]

logger = logging.getLogger(__name__)

_GRACE_S: Final = 20
"""Seconds the scans at hand get to end their step when the run is stopped."""


class InProcess(Executor):
    """One worker in this process; reading, computing and writing overlap in threads.

    Args:
        pipeline: What to apply; ``None`` loads what the job names.
        progress: Asked for each scan's progress callback when its computing begins.
    """

    workers = 1

    def __init__(
        self, pipeline: Pipeline | None = None, progress: Callable[[Scan], Progress] | None = None
    ) -> None:
        self._pipeline = pipeline
        self._progress = progress

    def run(self, job: Job, tasks: Iterable[Task]) -> Generator[Record, None, None]:
        """See :class:`spondyl.batch.executors.Executor`."""
        worker = Worker(job, self._pipeline, self._progress)
        remaining = iter(tasks)
        given: SimpleQueue[Task | None] = SimpleQueue()
        answers: SimpleQueue[Record | BaseException] = SimpleQueue()
        # Daemons: a file that is read for ever must not keep the program from ending.
        threads = [Thread(target=_walk, args=(worker, given, answers), daemon=True) for _ in range(OVERLAP)]
        for thread in threads:
            thread.start()
        at_hand = 0
        try:
            while True:
                for task in islice(remaining, OVERLAP - at_hand):
                    given.put(task)
                    at_hand += 1
                if not at_hand:
                    return
                answer = answers.get()
                at_hand -= 1
                if isinstance(answer, BaseException):
                    raise answer
                yield answer
        finally:
            worker.stop()
            _end(threads, given)


def _walk(
    worker: Worker, given: "SimpleQueue[Task | None]", answers: "SimpleQueue[Record | BaseException]"
) -> None:
    """The life of a thread: task after task, until ``None``."""
    while (task := given.get()) is not None:
        try:
            answers.put(worker.process(task))
        except BaseException as error:  # for the thread that asked
            answers.put(error)


def _end(threads: list[Thread], given: "SimpleQueue[Task | None]") -> None:
    """Wait until the threads have ended, but not for ever."""
    for _ in threads:
        given.put(None)
    end = time.monotonic() + _GRACE_S
    for thread in threads:
        thread.join(max(0.0, end - time.monotonic()))
    if any(thread.is_alive() for thread in threads):
        logger.warning("a scan did not stop within %d s and is left", _GRACE_S)
