"""Feeding the worker process: one case after the other, killed when it is cancelled."""

import contextlib
import json
import logging
import subprocess
import sys
import threading
from typing import Any, Final

from spondyl.result import Result
from spondyl.server.layout import DataFolder
from spondyl.server.settings import Settings
from spondyl.server.store import Case, Store

__all__ = ["Dispatcher", "summary"]

logger = logging.getLogger(__name__)

_IDLE_S: Final = 300.0
"""After this long without work the worker ends, and gives its memory back."""


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
            case = self._store.claim()
            if case is not None:
                self._work(case)
            elif not self._news.wait(_IDLE_S):
                with self._lock:
                    self._kill()

    def _work(self, case: Case) -> None:
        """One case from beginning to end, whatever the end is."""
        files = self._data.case(case.id)
        try:
            with self._lock:
                if self._stopping:
                    return
                self._current = case.id
                if self._state(case.id) != "running":
                    return  # cancelled before it began
                worker = self._ready()
                _send(worker, {"folder": str(files.folder), "name": case.name})
            answer = self._listen(worker, case)
        except OSError as error:
            logger.exception("the worker cannot be started or reached")
            answer = {"failed": f"the worker cannot be started: {error}"}
        finally:
            with self._lock:
                self._current = None
        if self._stopping:
            return
        if "done" in answer:
            self._store.move(
                case.id,
                ["running"],
                "done",
                progress=1.0,
                **summary(Result.read(files.result / "result.json")),
            )
        else:
            self._store.move(case.id, ["running"], "failed", error=answer["failed"])
        if self._state(case.id) != "done":
            files.clean()

    def _listen(self, worker: "subprocess.Popen[str]", case: Case) -> dict[str, Any]:
        """Follow a job to its end; gives the last line of the worker."""
        assert worker.stdout is not None
        for line in worker.stdout:
            answer: dict[str, Any] = json.loads(line)
            if "progress" not in answer:
                return answer
            self._store.move(case.id, ["running"], "running", **answer)
        code = worker.wait()
        _close(worker)
        logger.warning("the worker ended with code %s on case %s", code, case.id)
        return {"failed": "the worker was killed, most likely for lack of memory; crop the scan to the spine"}

    def _ready(self) -> "subprocess.Popen[str]":
        """The worker, started if there is none."""
        if self._worker is None or self._worker.poll() is not None:
            self._worker = subprocess.Popen(
                [sys.executable, "-m", "spondyl.server.worker"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                encoding="utf-8",
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


def summary(result: Result) -> dict[str, Any]:
    """What the store keeps of a result."""
    return {
        "vertebrae": [found.name for found in result.vertebrae],
        "numbering_probability": result.numbering_probability,
        "flags": [{"code": flag.code, "message": flag.message} for flag in result.flags],
        "corrections": len(result.history),
    }


def _close(worker: "subprocess.Popen[str]") -> None:
    for stream in (worker.stdin, worker.stdout):
        if stream is not None:
            with contextlib.suppress(OSError):  # what was not sent to a dead worker
                stream.close()


def _send(worker: "subprocess.Popen[str]", job: dict[str, str]) -> None:
    assert worker.stdin is not None
    worker.stdin.write(json.dumps(job) + "\n")
    worker.stdin.flush()
