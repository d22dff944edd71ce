"""What a node tells: a log without patients, and the lines of its queue."""

import logging
import sys
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from spondyl.dicom.node.study import State, Study

__all__ = ["OwnWords", "log_without_patients", "study_lines"]


class OwnWords(logging.Filter):
    """Lets Spondyl's own records pass; of other libraries', only the kind of an exception.

    Their words may hold values of a patient's header; ours name studies by number.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether a record is told; takes the words and the traceback from those of other libraries."""
        if record.name.split(".")[0] != "spondyl":
            kind = record.exc_info[0] if record.exc_info else None
            if kind is None:
                return False
            record.msg, record.args = f"an error in this library: {kind.__name__}", ()
        record.exc_info = record.exc_text = record.stack_info = None
        return True


def log_without_patients(file: Path | None) -> None:
    """Log to a file, or to the standard error, what a node does.

    Raises:
        OSError: the file cannot be written.
    """
    from logging.handlers import WatchedFileHandler  # goes on after logrotate

    handler: logging.Handler
    if file is None:
        handler = logging.StreamHandler(sys.stderr)
    else:
        file.parent.mkdir(parents=True, exist_ok=True)
        handler = WatchedFileHandler(file, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    handler.addFilter(OwnWords())
    root = logging.getLogger()
    for old in root.handlers[:]:
        root.removeHandler(old)
    root.addHandler(handler)
    logging.getLogger("spondyl").setLevel(logging.INFO)
    logging.captureWarnings(True)


def study_lines(studies: "Iterable[Study]", counts: "Mapping[State, int]") -> Iterator[str]:
    """A line per study, its error below it, and how many are in each state."""
    yield "study  state       from              objects        MB  try  last step            UID"
    for study in studies:
        when = datetime.fromtimestamp(study.changed).astimezone().strftime("%Y-%m-%d %H:%M:%S")
        yield (
            f"{study.id:5}  {study.state:10}  {study.source:16}  {study.instances:7}"
            f"  {study.bytes / 1e6:8.1f}  {study.tries:3}  {when}  {study.uid}"
        )
        if study.error:
            yield f"       {study.error}"
    yield ", ".join(f"{count} {state}" for state, count in counts.items() if count) or "no studies"
