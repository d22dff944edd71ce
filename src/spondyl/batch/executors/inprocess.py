"""One worker in this very process."""

from collections.abc import Callable, Generator, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from itertools import islice

from spondyl.batch.executors import Executor
from spondyl.batch.job import Job
from spondyl.batch.records import Record, Task
from spondyl.batch.scans import Scan
from spondyl.batch.worker import OVERLAP, Worker
from spondyl.inference import Pipeline
from spondyl.inference.tiling import Progress

__all__ = ["InProcess"]


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
        with ThreadPoolExecutor(OVERLAP) as threads:
            try:
                running: set[Future[Record]] = set()
                while True:
                    free = OVERLAP - len(running)
                    running |= {threads.submit(worker.process, task) for task in islice(remaining, free)}
                    if not running:
                        return
                    finished, running = wait(running, return_when=FIRST_COMPLETED)
                    yield from (future.result() for future in finished)
            finally:
                worker.stop()
