"""What a training writes down: a description, a JSONL line per epoch, and TensorBoard curves."""

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from spondyl.errors import MissingDependencyError
from spondyl.io.atomic import refused, write_text

__all__ = ["TrainingLog", "append_row"]


class TrainingLog:
    """A log folder, open while a training runs.

    Args:
        folder: Made when missing; a resumed training goes on in it.
        description: What is trained on what, written to ``description.json`` (JSON values).

    Raises:
        MissingDependencyError: TensorBoard is not installed.
        OutputError: the folder cannot be written.
    """

    def __init__(self, folder: Path, description: Mapping[str, Any]) -> None:
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError as error:
            raise MissingDependencyError("TensorBoard is missing: pip install 'spondyl[train]'") from error
        self.folder = folder
        write_text(folder / "description.json", json.dumps(description, indent=2) + "\n")
        try:
            self._curves = SummaryWriter(str(folder))
        except OSError as error:
            raise refused(folder, error) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._curves.close()

    def epoch(self, number: int, values: Mapping[str, float]) -> None:
        """Write one epoch down.

        Raises:
            OutputError: the disk is full.
        """
        append_row(self.folder / "log.jsonl", {"epoch": number, **values})
        try:
            for name, value in values.items():
                self._curves.add_scalar(name, value, number)
            self._curves.flush()
        except OSError as error:
            raise refused(self.folder, error) from error


def append_row(path: Path, row: Mapping[str, float], *, anew: bool = False) -> None:
    """Append a line of JSON to a log; one that a full disk cuts short is taken back.

    Args:
        path: The log, in a folder that is there.
        row: The values.
        anew: Replace an earlier log.

    Raises:
        OutputError: it cannot be written.
    """
    size = path.stat().st_size if path.exists() and not anew else 0
    try:
        with path.open("w" if anew else "a", encoding="utf-8") as stream:
            stream.write(json.dumps(row) + "\n")
    except OSError as error:
        with suppress(OSError):
            os.truncate(path, size)
        raise refused(path, error) from error
