"""The manifest: what became of every scan of every run, a line each, in ``OUT/manifest.jsonl``."""

import json
import logging
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, Final

from spondyl.batch.records import Record, record_from
from spondyl.io.atomic import refused

__all__ = ["MANIFEST", "Manifest", "latest", "read_manifest"]

logger = logging.getLogger(__name__)

MANIFEST: Final = "manifest.jsonl"


class Manifest:
    """Appends to a manifest; several processes may do so at once.

    Every line is on the disk before :meth:`append` returns, and a line that a killed process left unfinished
    is closed, so that it costs no other.

    Args:
        path: The file; made with its folder when the first line is written.
        run: Tells the lines of one run from those of another.
    """

    def __init__(self, path: Path, run: str) -> None:
        self._path = path
        self._run = run

    def append(self, record: Record) -> None:
        """Add a line.

        Raises:
            OutputError: it cannot be written.
        """
        when = datetime.now(UTC).isoformat(timespec="milliseconds")
        line = json.dumps({"time": when, "run": self._run, **record.line()}, ensure_ascii=False)
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


def read_manifest(path: Path | str) -> Iterator[Record]:
    """All lines of a manifest, oldest first; what is no record is left out with a warning in the log.

    Args:
        path: The file, or its folder. Where there is none, there are no lines.
    """
    path = Path(path)
    path = path / MANIFEST if path.is_dir() else path
    if not path.is_file():
        return
    with path.open(encoding="utf-8", errors="replace") as stream:
        for number, line in enumerate(stream, start=1):
            try:
                record = record_from(json.loads(line))
            except ValueError:
                record = None
            if record is not None:
                yield record
            elif line.strip():
                logger.warning("%s: line %d is no record (of a run that was killed?), left out", path, number)


def latest(records: Iterable[Record]) -> dict[str, Record]:
    """What is known last of every scan, by name; a line without a hash tells less than one with it."""
    known: dict[str, Record] = {}
    for record in records:
        if record.sha256 is not None or record.name not in known:
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
    fcntl.flock(file, fcntl.LOCK_EX)
    try:
        yield
    finally:
        fcntl.flock(file, fcntl.LOCK_UN)
