"""The worker: everything that happens to one scan, the same here, in another process, on another machine."""

import logging
import os
import platform
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Final

from spondyl.batch.job import Job
from spondyl.batch.records import Record, Status, Task
from spondyl.batch.results import results_at
from spondyl.batch.scans import Scan
from spondyl.errors import OutputError, SpondylError
from spondyl.inference import Pipeline
from spondyl.inference.tiling import Progress
from spondyl.result import Result

__all__ = ["OVERLAP", "Stopped", "Worker"]

logger = logging.getLogger(__name__)

OVERLAP: Final = 2
"""Scans a worker holds at once: while one is computed, the next is read or the last one written."""

_AGAIN_S: Final = 0.2
"""Seconds between two looks whether somebody else is done with a scan."""


class Stopped(Exception):  # noqa: N818 - not an error
    """The worker was told to stop; nothing of its scan was written."""


class Worker:
    """Predicts scans. Its networks are loaded once; :meth:`process` may be called from several threads.

    Three rooms with place for one scan each: reading, computing, writing. Two threads walk their scans
    through them, so that the processor does not wait for the disk.

    Args:
        job: What to do.
        pipeline: What to apply; ``None`` loads it.
        progress: Asked for each scan's progress callback when its computing begins.

    Raises:
        ModelError: the model cannot be used.
        MissingDependencyError: the engine is not installed.
    """

    def __init__(
        self,
        job: Job,
        pipeline: Pipeline | None = None,
        progress: Callable[[Scan], Progress] | None = None,
    ) -> None:
        self._job = job
        self._pipeline = pipeline or job.load_pipeline()
        self._progress = progress
        self._results = results_at(job.out)
        self._reading, self._computing, self._writing = (threading.Lock() for _ in range(3))
        self._stopping = threading.Event()
        self._name = f"{platform.node()}:{os.getpid()}"

    def stop(self) -> None:
        """Let every scan at hand end at its next step, unwritten; :meth:`process` raises :class:`Stopped`."""
        self._stopping.set()

    def process(self, task: Task) -> Record:
        """Predict one scan and write its results, unless that was done before.

        Never raises for the sake of one scan: what is wrong with it stands in the record.

        Raises:
            Stopped: :meth:`stop` was called.
        """
        visit = _Visit(task.scan, self._job.folder(task.scan.name), self._job.fingerprint, self._name)
        try:
            end = time.monotonic() + task.patience_s
            while True:
                with self._results.claim(task.scan.name) as ours:
                    if ours:
                        return self._predict(task, visit)
                if time.monotonic() >= end:
                    return visit.record("skipped", message="another run is at work on it")
                self._go_on()
                time.sleep(_AGAIN_S)
        except Stopped:
            raise
        except SpondylError as error:
            return visit.failed(error, str(error))
        except MemoryError as error:
            return visit.failed(
                error, f"{task.scan.place}: not enough memory for this scan; crop it to the spine"
            )
        except Exception as error:  # one strange scan must not end a night's work
            logger.exception("%s failed unexpectedly", task.scan.place)
            about = f"{type(error).__name__}: {error}"
            return visit.failed(error, f"{task.scan.place}: failed unexpectedly: {about}")

    def _predict(self, task: Task, visit: "_Visit") -> Record:
        """The walk through the rooms, or the reason why there is no need to take it."""
        visit.stamp = task.scan.stamp()
        earlier = None if self._job.overwrite else self._results.earlier(visit.scan.name)
        if (known := self._known(task.before, visit, earlier)) is not None:
            return known
        visit.sha256 = None  # believed so far, by the stamp; what cannot be read now has none
        with task.scan.at_hand() as scan:
            with self._room(self._reading):
                visit.sha256 = scan.sha256()
                if (known := self._known(task.before, visit, earlier)) is not None:
                    return known
                start = time.perf_counter()
                volume = scan.read()
                read = time.perf_counter() - start
            with self._room(self._computing):
                spine = self._pipeline(volume, progress=self._watched(task.scan))
            timings = {"read": round(read, 4), **spine.provenance.get("timings_s", {})}
            spine = replace(spine, provenance={**spine.provenance, "timings_s": timings})
            with self._room(self._writing):
                result = self._results.write(
                    visit.scan.name,
                    spine,
                    volume,
                    file=task.scan.path,
                    sha256=visit.sha256,
                    series=task.scan.series_uid,
                    also=self._job.also,
                )
        return visit.record("done", result=result)

    def _known(self, before: Record | None, visit: "_Visit", earlier: Result | None) -> Record | None:
        """The record of a scan that needs no work, as far as stamp, hash and earlier runs tell.

        Raises:
            OutputError: there is a result that is not the one asked for.
        """
        if before is not None and visit.sha256 is None and visit.stamp_is_of(before):
            visit.sha256 = before.sha256
        if earlier is not None and visit.sha256 is not None:
            if differences := ", ".join(self._job.differences(earlier, visit.sha256)):
                raise OutputError(f"{visit.folder}: holds a result {differences}; --overwrite replaces it")
            return visit.record("skipped", result=earlier, message="done before")
        again = self._job.retry_failed or self._job.overwrite
        if before is None or again or not before.lasting or before.model != self._job.fingerprint:
            return None
        if earlier is None and visit.is_same(before):
            return visit.record("skipped", kind=before.kind, message=before.message)
        return None

    @contextmanager
    def _room(self, lock: threading.Lock) -> Iterator[None]:
        with lock:
            self._go_on()
            yield

    def _go_on(self) -> None:
        if self._stopping.is_set():
            raise Stopped

    def _watched(self, scan: Scan) -> Progress:
        """The progress callback of a scan; it is also where a long computation notices :meth:`stop`."""
        tell = None if self._progress is None else self._progress(scan)

        def watched(done: int, total: int) -> None:
            self._go_on()
            if tell is not None:
                tell(done, total)

        return watched


class _Visit:
    """What is found out about a scan on its way, for the record."""

    def __init__(self, scan: Scan, folder: str, model: str, worker: str) -> None:
        self.scan, self.folder, self.model, self.worker = scan, folder, model, worker
        self.sha256: str | None = None
        self.stamp: str | None = None
        self._start = time.perf_counter()

    def stamp_is_of(self, before: Record) -> bool:
        """Whether place, sizes and times of change are what they were."""
        return self.stamp is not None and (self.stamp, self.scan.place) == (before.stamp, before.source)

    def is_same(self, before: Record) -> bool:
        """Whether the content is what it was; by the stamp, while nothing more is known."""
        return self.stamp_is_of(before) if self.sha256 is None else self.sha256 == before.sha256

    def record(self, status: Status, *, result: Result | None = None, **more: str | None) -> Record:
        vertebrae = () if result is None else result.vertebrae
        remarks = [*(() if result is None else result.flags), *(f for v in vertebrae for f in v.flags)]
        return Record(
            status=status,
            name=self.scan.name,
            source=self.scan.place,
            folder=self.folder,
            seconds=round(time.perf_counter() - self._start, 3),
            sha256=self.sha256,
            stamp=self.stamp,
            model=self.model,
            vertebrae=tuple(vertebra.name for vertebra in vertebrae),
            flags=tuple(dict.fromkeys(remark.code for remark in remarks)),
            worker=self.worker,
            result=result,
            **more,
        )

    def failed(self, error: Exception, message: str) -> Record:
        return self.record("failed", kind=type(error).__name__, message=message)
