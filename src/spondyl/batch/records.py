"""What became of a scan: one :class:`Record`, which is also a line of the manifest."""

from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal

from pydantic import ConfigDict, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass as checked

from spondyl.batch.job import Job
from spondyl.batch.scans import Scan
from spondyl.errors import WorkerError
from spondyl.result import Result

__all__ = ["Record", "Status", "Task", "killed", "record_from"]

Status = Literal["done", "skipped", "failed"]

_PASSING: Final = frozenset({"OutputError", "DiskFullError", "MissingDependencyError", "ModelError"})
"""Kinds of failure that the scan itself has no part in."""


@checked(frozen=True, config=ConfigDict(extra="ignore", arbitrary_types_allowed=True))
class Record:
    """What became of a scan.

    Attributes:
        status: ``done``: predicted and written; ``skipped``: nothing to do, or not now, see ``message``;
            ``failed``: see ``message``.
        name: Of the scan, and of its folder of results.
        source: Where the scan is.
        folder: Where its results are, or would be.
        seconds: From reading to writing.
        sha256: Of the scan's content; ``None`` where it could not be read.
        stamp: See :meth:`spondyl.batch.scans.Scan.stamp`.
        model: Fingerprint of the model, see :attr:`spondyl.models.Model.fingerprint`.
        vertebrae: Names found, head to foot.
        flags: Codes of all remarks, about the scan and about its vertebrae.
        kind: Of a failure: the class of the error.
        message: Why it failed or was skipped, and what to do.
        worker: Who did it.
        result: What ``result.json`` holds, of a scan done or skipped; not part of the manifest.
    """

    status: Status
    name: str
    source: str
    folder: str
    seconds: float = 0.0
    sha256: str | None = None
    stamp: str | None = None
    model: str | None = None
    vertebrae: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()
    kind: str | None = None
    message: str | None = None
    worker: str | None = None
    result: Result | None = field(default=None, repr=False)

    @property
    def bad(self) -> bool:
        """Whether there is no result: the scan failed, now or in an earlier run."""
        return self.status == "failed" or self.kind is not None

    @property
    def lasting(self) -> bool:
        """Whether the same scan would fail again: the fault is the scan's, not the disk's or the set-up's.

        A scan that could not be read to its end (no permission, a store out of reach) has no hash.
        """
        seen = self.sha256 is not None or self.kind == WorkerError.__name__
        return self.bad and seen and self.kind not in _PASSING

    def line(self) -> dict[str, Any]:
        """The record as JSON values, without ``result``."""
        content: dict[str, Any] = _ADAPTER.dump_python(replace(self, result=None), mode="json")
        del content["result"]
        return content


@dataclass(frozen=True)
class Task:
    """One scan for a worker.

    Attributes:
        scan: The scan.
        before: What is known of it from earlier runs.
        patience_s: Seconds to wait for another who is at work on it: the worker it was taken from, which
            is about to end.
    """

    scan: Scan
    before: Record | None = None
    patience_s: float = 0.0


_ADAPTER: Final = TypeAdapter(Record)


def record_from(content: Any) -> Record | None:
    """A record from JSON values, ``None`` if they are none."""
    try:
        return _ADAPTER.validate_python(content)
    except ValidationError:
        return None


def killed(task: Task, job: Job, how: str, *, slow: bool = False) -> Record:
    """The record of a scan whose workers died again and again, or did not come to its end.

    Args:
        task: The scan.
        job: What was to be done with it.
        how: The last worker died, in words.
        slow: It took longer than the time limit.
    """
    what = how if slow else f"every worker that took this scan died ({how})"
    if slow:
        remedy = "crop it to the spine, or give it longer with --time-limit"
    elif "SIGKILL" in how:
        remedy = "crop it to the spine, or use a machine with more memory"
    else:
        remedy = "convert it with another program, or leave it out"
    return Record(
        status="failed",
        name=task.scan.name,
        source=task.scan.place,
        folder=job.folder(task.scan.name),
        stamp=task.scan.stamp(),
        model=job.fingerprint,
        kind=WorkerError.__name__,
        message=f"{task.scan.place}: {what}; {remedy}",
    )
