"""One study in a process of its own: it can be stopped, and what it breaks ends with it.

The process says nothing: libraries warn with the values of patients' headers. Its one word is the outcome,
from which the values of the study's own headers are removed.
"""

import logging
import multiprocessing
import multiprocessing.connection
import os
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from spondyl.dicom.node.words import anonymous, told
from spondyl.errors import InputError, SpondylError

__all__ = ["Outcome", "Process", "Verdict", "run_limited"]

Process = Callable[[Path, Path], None]
"""Reads a study from the first folder and writes what is to be sent to the second, which is empty.

It can be pickled; raises an :class:`~spondyl.errors.SpondylError` for a study that cannot be used."""

_LOOK_S: Final = 0.2
"""Between two looks at the clock and at the wish to stop."""


class Verdict(StrEnum):
    """How the work on one study ended."""

    DONE = "done"
    USELESS = "useless"  # another try would end the same
    BROKEN = "broken"  # another try may help
    STOPPED = "stopped"  # by the node


@dataclass(frozen=True)
class Outcome:
    """How the work on one study ended, and for people why; no patient's data in it."""

    verdict: Verdict
    reason: str = ""


def run_limited(
    process: Process, study: Path, results: Path, *, limit_s: float, stop: threading.Event
) -> Outcome:
    """Process one study in a process of its own.

    Args:
        process: What to do.
        study: Folder of the received instances.
        results: Empty folder for the results.
        limit_s: The process is killed after this long.
        stop: The process is killed when this is set.
    """
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    child = context.Process(target=_work, args=(process, study, results, theirs), daemon=True)
    child.start()
    theirs.close()
    end = time.monotonic() + limit_s
    try:
        while True:
            if ours.poll(_LOOK_S):
                return Outcome(*_received(ours, child))
            if stop.is_set():
                return Outcome(Verdict.STOPPED)
            if time.monotonic() > end:
                return Outcome(Verdict.USELESS, f"took longer than {limit_s:g} s (time_limit_s)")
    finally:
        child.kill()
        child.join()
        child.close()
        ours.close()


def _received(connection: Any, child: Any) -> tuple[Verdict, str]:
    """The child's word, or what can be said about its silent end."""
    try:
        verdict, reason = connection.recv()
    except EOFError:
        child.join()
        code = child.exitcode
        how = f"signal {-code}, perhaps for want of memory" if code < 0 else f"exit code {code}"
        return Verdict.BROKEN, f"the process ended by {how}"
    return Verdict(verdict), reason


def _work(process: Process, study: Path, results: Path, connection: Any) -> None:
    """Runs in the child."""
    _fall_silent()
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        process(study, results)
    except InputError as error:
        outcome = Verdict.USELESS, anonymous(str(error), study)
    except SpondylError as error:
        outcome = Verdict.BROKEN, anonymous(str(error), study)
    except MemoryError:
        outcome = Verdict.BROKEN, "not enough memory for this study"
    except Exception as error:
        outcome = Verdict.BROKEN, told(error)
    else:
        outcome = Verdict.DONE, ""
    connection.send(outcome)
    connection.close()


def _fall_silent() -> None:
    """Nothing is printed, and signals to the whole group, such as Ctrl-C, are the parent's to handle."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    logging.disable()
    with open(os.devnull, "wb") as nowhere:  # noqa: PTH123
        os.dup2(nowhere.fileno(), 1)
        os.dup2(nowhere.fileno(), 2)


def _end_with_parent() -> None:
    """A node that was killed must not leave a process that works on a study of the next one."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        multiprocessing.connection.wait([parent.sentinel])
        os._exit(1)
