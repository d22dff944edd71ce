"""What a training writes down: a description, a JSONL line per epoch, and TensorBoard curves."""

import json
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from spondyl.errors import MissingDependencyError, OutputError
from spondyl.io.atomic import write_text

__all__ = ["TrainingLog"]


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
            raise self._refused(error) from error

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
        try:
            with (self.folder / "log.jsonl").open("a", encoding="utf-8") as stream:
                stream.write(json.dumps({"epoch": number, **values}) + "\n")
            for name, value in values.items():
                self._curves.add_scalar(name, value, number)
            self._curves.flush()
        except OSError as error:
            raise self._refused(error) from error

    def _refused(self, error: OSError) -> OutputError:
        return OutputError(f"{self.folder}: the log cannot be written: {error.strerror or error}")
