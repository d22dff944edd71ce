"""Several workers on this machine, each in a process of its own."""

import logging
import multiprocessing
import signal
from collections.abc import Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from multiprocessing.connection import Connection, wait
from threading import Lock
from typing import Any, Final

from spondyl.batch.executors import Executor
from spondyl.batch.executors.ledger import TIME_LIMIT_S, Ledger
from spondyl.batch.job import Job
from spondyl.batch.records import Record, Task, killed
from spondyl.batch.worker import OVERLAP, Stopped, Worker
from spondyl.errors import SpondylError, WorkerError

__all__ = ["ProcessPool"]

logger = logging.getLogger(__name__)

_GRACE_S: Final = 20
"""Seconds a worker gets to end its step when the run is stopped."""

_FALSE_STARTS: Final = 3
"""Workers that die before they are ready, one after the other, until the run gives up."""


class ProcessPool(Executor):
    """Several workers on this machine. One that is killed costs at worst the scan that is to blame.

    Each process is started anew (``spawn``), loads the networks once and has a pipe to this one. A program
    that uses this class must guard its own start with ``if __name__ == "__main__":``, as for
    :mod:`multiprocessing`.

    Args:
        workers: How many.
        limit_s: Seconds after which a worker that holds scans and finished none is replaced.
    """

    def __init__(self, workers: int, *, limit_s: float = TIME_LIMIT_S) -> None:
        self.workers = workers
        self._limit_s = limit_s

    def run(self, job: Job, tasks: Iterable[Task]) -> Generator[Record, None, None]:
        """See :class:`spondyl.batch.executors.Executor`."""
        ledger = Ledger(tasks, limit_s=self._limit_s)
        crew: list[_Process] = []
        false_starts = 0
        try:
            while ledger.has_work or ledger.in_flight:
                while len(crew) < self.workers and ledger.has_work:
                    crew.append(_Process(job))
                for process in crew:
                    process.feed(ledger)
                self._end_overdue(crew, ledger)
                for process in _with_news(crew, ledger.patience_s):
                    message = process.hear()
                    if isinstance(message, Record):
                        ledger.finished(process, message.name)
                        yield message
                    elif message == _READY:
                        false_starts = 0
                    else:
                        crew.remove(process)
                        false_starts += not process.ready
                        if false_starts >= _FALSE_STARTS:
                            raise WorkerError(f"{false_starts} workers died while starting: {message}")
                        logger.warning("a worker died (%s); its scans are tried again", message)
                        slow = process.overdue is not None
                        lost = ledger.lost(process, slow=slow)
                        yield from (killed(task, job, str(message), slow=slow) for task in lost)
            for process in crew:
                process.connection.close()
        finally:
            _end(crew)

    def _end_overdue(self, crew: "list[_Process]", ledger: Ledger) -> None:
        for process in crew:
            if process in ledger.overdue:
                process.end(f"a scan was not done after {self._limit_s:.0f} s")


class _Process:
    """A worker process, seen from here."""

    def __init__(self, job: Job) -> None:
        spawn = multiprocessing.get_context("spawn")
        self.connection, theirs = spawn.Pipe()
        self.process = spawn.Process(target=_serve, args=(theirs, job), daemon=True)
        self.process.start()
        theirs.close()
        self.ready = False
        self.overdue: str | None = None

    def feed(self, ledger: Ledger) -> None:
        """Give the worker as much as it can hold, once it is ready."""
        while self.ready and (task := ledger.next_for(self)) is not None:
            try:
                self.connection.send(task)
            except OSError:  # it died; hear() tells how
                return

    def end(self, why: str) -> None:
        """Kill the process; :meth:`hear` tells why."""
        self.overdue = why
        self.process.kill()

    def hear(self) -> Any:
        """The next message: a record, that it is ready, or in words how it died.

        Raises:
            SpondylError: it cannot do its work.
        """
        try:
            message = self.connection.recv()
        except (EOFError, OSError):
            self.process.join()
            return self.overdue or _fate(self.process.exitcode)
        if isinstance(message, SpondylError):
            raise message
        self.ready = True
        return message


_READY: Final = "ready"


def _with_news(crew: list[_Process], patience_s: float | None) -> list[_Process]:
    """The workers that said something, or died (then their pipe ends); none after so many seconds."""
    heard = wait([process.connection for process in crew], patience_s)
    return [process for process in crew if process.connection in heard]


def _fate(code: int | None) -> str:
    """How a process ended, in words."""
    if code is None or code >= 0:
        return f"it ended with exit code {code}"
    name = signal.Signals(-code).name
    return f"killed by {name}" + (", mostly a sign of too little memory" if name == "SIGKILL" else "")


def _end(crew: list[_Process]) -> None:
    """Stop what still runs: politely, so that nothing half-written stays behind, then by force."""
    for process in crew:
        if not process.connection.closed:
            process.process.terminate()
            process.connection.close()
    for process in crew:
        process.process.join(_GRACE_S)
        if process.process.exitcode is None:
            logger.warning("a worker did not stop within %d s and was killed", _GRACE_S)
            process.process.kill()
            process.process.join()


def _serve(connection: Connection, job: Job) -> None:
    """The life of a worker process: tasks in, records out, until the pipe ends or it is told to stop."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all processes; the first one decides
    try:
        worker = Worker(job)
    except SpondylError as error:
        connection.send(error)
        return
    lock = Lock()

    def leave(*_: object) -> None:
        worker.stop()
        raise SystemExit(128 + signal.SIGTERM)

    def answer(future: Future[Record]) -> None:
        # Where nobody listens any more, the results are on the disk all the same.
        with lock, suppress(OSError, Stopped):
            connection.send(future.result())

    signal.signal(signal.SIGTERM, leave)
    with ThreadPoolExecutor(OVERLAP) as threads, suppress(EOFError, OSError):
        connection.send(_READY)
        while True:  # until all is done, or nobody is there any more; what is begun is finished
            threads.submit(worker.process, connection.recv()).add_done_callback(answer)
