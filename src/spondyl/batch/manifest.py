"""The manifest: what became of every scan of every run, a line each, in ``OUT/manifest.jsonl``."""

import json
import logging
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, Final, Protocol
from uuid import uuid4

from spondyl.batch.records import Record, record_from
from spondyl.batch.scans import is_url
from spondyl.io.atomic import refused
from spondyl.io.claims import NO_LOCKS

__all__ = ["MANIFEST", "LocalManifest", "Manifest", "Writer", "latest", "read_manifest"]

logger = logging.getLogger(__name__)

MANIFEST: Final = "manifest.jsonl"


class Manifest(Protocol):
    """Takes a line per record; :meth:`close` at the end."""

    def add(self, line: str) -> None:
        """Add a line.

        Raises:
            OutputError: it cannot be written.
        """
        ...

    def close(self) -> None:
        """Write what is not written yet.

        Raises:
            OutputError: it cannot be written.
        """
        ...


class LocalManifest(Manifest):
    """Appends to a file; several processes may do so at once.

    Every line is on the disk before :meth:`add` returns, and a line that a killed process left unfinished
    is closed, so that it costs no other.

    Args:
        path: The file; made with its folder when the first line is written.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def add(self, line: str) -> None:
        """See :class:`Manifest`."""
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with self._path.open("ab+") as stream, _alone(stream.fileno()):
                if stream.seek(0, os.SEEK_END) and not _ends_a_line(stream):
                    line = "\n" + line
                stream.write(f"{line}\n".encode())
                stream.flush()
                os.fsync(stream.fileno())
        except OSError as error:
            raise refused(self._path, error) from error

    def close(self) -> None:
        """Nothing is left to write."""


class Writer:
    """Writes records into the manifest of a run.

    Args:
        out: Folder or URL of all results.
    """

    def __init__(self, out: str) -> None:
        self._run = f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{uuid4().hex[:6]}"
        self._manifest: Manifest = LocalManifest(Path(out) / MANIFEST)
        if is_url(out):
            from spondyl.batch.remote_manifest import RemoteManifest

            self._manifest = RemoteManifest(out, self._run)

    def write(self, record: Record) -> None:
        """Add a record, with the time and the run.

        Raises:
            OutputError: it cannot be written.
        """
        when = datetime.now(UTC).isoformat(timespec="milliseconds")
        line = {"time": when, "run": self._run, **record.line()}
        self._manifest.add(json.dumps(line, ensure_ascii=False))

    def close(self) -> None:
        """See :meth:`Manifest.close`."""
        self._manifest.close()


def read_manifest(out: Path | str) -> Iterator[Record]:
    """All records of all runs, oldest first; a line that holds none is left out with a warning in the log.

    Args:
        out: Folder or URL of all results. Where there is no manifest, there are no records.
    """
    for number, line in enumerate(_lines(str(out)), start=1):
        try:
            record = record_from(json.loads(line))
        except ValueError:
            record = None
        if record is not None:
            yield record
        elif line.strip():
            logger.warning("%s: line %d is no record (of a run that was killed?), left out", out, number)


def _lines(out: str) -> Iterator[str]:
    if is_url(out):
        from spondyl.batch.remote_manifest import remote_lines

        yield from remote_lines(out)
    elif (path := Path(out) / MANIFEST).is_file():
        with path.open(encoding="utf-8", errors="replace") as stream:
            yield from stream


def latest(records: Iterable[Record]) -> dict[str, Record]:
    """What is known last of every scan, by name; a line that does not say of which state tells less."""
    known: dict[str, Record] = {}
    for record in records:
        if record.stamp is not None or record.sha256 is not None or record.name not in known:
            known[record.name] = record
    return known


def _ends_a_line(stream: BinaryIO) -> bool:
    stream.seek(-1, os.SEEK_END)
    return stream.read(1) == b"\n"


@contextmanager
def _alone(file: int) -> Iterator[None]:
    """Hold the lock of a file, so that lines of two runs do not mix, not even on a network's disk."""
    try:
        import fcntl
    except ImportError:  # pragma: no cover - Windows: a short line is written at once anyway
        yield
        return
    try:
        fcntl.flock(file, fcntl.LOCK_EX)
    except OSError as error:
        if error.errno not in NO_LOCKS:
            raise
        yield
        return
    try:
        yield
    finally:
        fcntl.flock(file, fcntl.LOCK_UN)
