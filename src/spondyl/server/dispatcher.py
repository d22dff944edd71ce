"""Feeding the worker process: one case after the other, killed when it is cancelled."""

import contextlib
import json
import logging
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable
from typing import Any, Final, TypeVar

from spondyl.result import Result
from spondyl.server.layout import CaseFiles, DataFolder
from spondyl.server.recording import summary
from spondyl.server.settings import Settings
from spondyl.server.store import Case, Store

__all__ = ["Dispatcher"]

logger = logging.getLogger(__name__)

T = TypeVar("T")

_IDLE_S: Final = 300.0
"""After this long without work the worker ends, and gives its memory back."""

_AGAIN_S: Final = 5.0
"""Time until a change of the store that failed is tried again."""


class Dispatcher:
    """A thread that takes cases from the store and hands them to a worker process.

    Args:
        store: Where the cases are.
        data: Where their files are.
        settings: For the worker.
    """

    def __init__(self, store: Store, data: DataFolder, settings: Settings) -> None:
        self._store = store
        self._data = data
        self._settings = settings
        self._news = threading.Event()
        self._stopping = False
        self._lock = threading.Lock()
        self._worker: subprocess.Popen[str] | None = None
        self._current: str | None = None
        self._thread = threading.Thread(target=self._run, name="dispatcher", daemon=True)

    def start(self) -> None:
        """Begin with what is queued."""
        self._thread.start()

    def stop(self) -> None:
        """Kill the worker; its case is taken up again by the next server."""
        self._stopping = True
        self._news.set()
        with self._lock:
            self._kill()
        if self._thread.ident is not None:
            self._thread.join()

    def wake(self) -> None:
        """Something was queued."""
        self._news.set()

    def cancel(self, case: str) -> bool:
        """Cancel a queued or running case; whether it was one."""
        if not self._store.move(case, ["queued", "running"], "cancelled"):
            return False
        with self._lock:
            if self._current == case:
                self._kill()
        return True

    def _run(self) -> None:
        while not self._stopping:
            self._news.clear()
            case = self._written(self._store.claim)
            if case is not None:
                self._work(case)
            elif not self._news.wait(_IDLE_S):
                with self._lock:
                    self._kill()

    def _work(self, case: Case) -> None:
        """One case from beginning to end, whatever the end is."""
        files = self._data.case(case.id)
        try:
            answer = self._ask(case, files)
            found = summary(Result.read(files.result / "result.json")) if "done" in answer else {}
        except Exception as error:  # the others go on, whatever becomes of one
            logger.exception("case %s", case.id)
            found = {}
            # "leaving": what it may still say would be taken for an answer about the next case
            answer = {
                "failed": f"the worker cannot be reached, or left no result: {error}",
                "leaving": True,
            }
        with self._lock:
            self._current = None
            if answer.get("leaving"):
                self._kill()
        if self._stopping:
            return
        if "done" in answer:
            self._written(lambda: self._store.move(case.id, ["running"], "done", progress=1.0, **found))
        else:
            files.clean()  # first: on a full disk, that makes room for the state
            self._written(lambda: self._store.move(case.id, ["running"], "failed", error=answer["failed"]))
        if self._state(case.id) != "done":
            files.clean()

    def _ask(self, case: Case, files: CaseFiles) -> dict[str, Any]:
        """Let the worker do a case; gives its last word."""
        with self._lock:
            self._current = case.id
            if self._stopping or self._state(case.id) != "running":
                return {"failed": "cancelled before it began"}
            worker = self._ready()
            _send(worker, {"folder": str(files.folder), "name": case.name})
        return self._listen(worker, case)

    def _written(self, change: Callable[[], T]) -> T | None:
        """The outcome of a change of the store, tried again while the disk is full."""
        while True:
            try:
                return change()
            except sqlite3.OperationalError as error:
                if self._stopping:
                    return None
                logger.warning("the list of cases cannot be written (%s); again in %g s", error, _AGAIN_S)
                self._news.wait(_AGAIN_S)
                self._news.clear()

    def _listen(self, worker: "subprocess.Popen[str]", case: Case) -> dict[str, Any]:
        """Follow a job to its end; gives the last line of the worker."""
        assert worker.stdout is not None
        for line in worker.stdout:
            answer: dict[str, Any] = json.loads(line)
            if "progress" not in answer:
                return answer
            with contextlib.suppress(sqlite3.OperationalError):  # a full disk; progress can do without
                self._store.move(case.id, ["running"], "running", **answer)
        code = worker.wait()
        _close(worker)
        logger.warning("the worker ended with code %s on case %s", code, case.id)
        return {"failed": _why_ended(code)}

    def _ready(self) -> "subprocess.Popen[str]":
        """The worker, started if there is none."""
        if self._worker is not None and self._worker.poll() is not None:  # it died between two cases
            _close(self._worker)
            self._worker = None
        if self._worker is None:
            self._worker = subprocess.Popen(
                [sys.executable, "-P", "-m", "spondyl.server.worker"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                encoding="utf-8",
                start_new_session=True,  # Ctrl-C is for the server, which ends its worker itself
            )
            assert self._worker.stdin is not None
            self._worker.stdin.write(self._settings.model_dump_json() + "\n")
        return self._worker

    def _kill(self) -> None:
        if self._worker is not None:
            self._worker.kill()
            self._worker.wait()
            if self._current is None:  # else the thread that listens to it does so
                _close(self._worker)
            self._worker = None

    def _state(self, case: str) -> str | None:
        try:
            return self._store.get(case).state
        except KeyError:  # deleted meanwhile
            return None


def _why_ended(code: int) -> str:
    """What people are told about a worker that ended in the middle of a case."""
    if code == -signal.SIGKILL:
        return "the worker was killed, most likely for lack of memory; crop the scan to the spine"
    if code < 0:
        return f"the worker crashed (signal {-code}); the log of the server may say more"
    return f"the worker broke off (exit code {code}); the log of the server says why"


def _close(worker: "subprocess.Popen[str]") -> None:
    for stream in (worker.stdin, worker.stdout):
        if stream is not None:
            with contextlib.suppress(OSError):  # what was not sent to a dead worker
                stream.close()


def _send(worker: "subprocess.Popen[str]", job: dict[str, str]) -> None:
    assert worker.stdin is not None
    worker.stdin.write(json.dumps(job) + "\n")
    worker.stdin.flush()
