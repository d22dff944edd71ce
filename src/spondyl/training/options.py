"""How a training runs on this machine, as opposed to what it learns (the recipe)."""

from dataclasses import dataclass
from pathlib import Path

import torch

from spondyl.errors import InputError
from spondyl.models import Model, default_model_folder, read_model

__all__ = ["RunOptions", "device_of", "model_named"]


@dataclass(frozen=True)
class RunOptions:
    """Where and with what a training runs.

    Attributes:
        device: ``auto`` (CUDA if there is one, else the CPU) or a torch device such as ``cuda:1``.
        workers: Processes that read samples; 0 reads in the training process.
        resume: Go on from the last checkpoint, if there is one.
        every: Iterations between two checkpoints (recipe ``spondyl``).
        checkpoints: Folder; each stage makes ``<stage>_model`` in it.
        keep_checkpoints: How many epochs' weights stay on disk; ``None`` for all.
        logs: Folder; each training makes ``<stage>-<date>`` in it.
        init: Model folder whose weights the training starts from; ``default`` is the one that ships.
        teacher: Model folder that draws masks for scans without one; ``default`` likewise.
        val_split: Share of the training scans held out for validation; 0 validates on the
            validation samples.
    """

    device: str = "auto"
    workers: int = 0
    resume: bool = False
    every: int = 200
    checkpoints: Path = Path("checkpoints")
    keep_checkpoints: int | None = None
    logs: Path = Path("logs")
    init: Path | None = None
    teacher: Path | None = None
    val_split: float = 0.0


def model_named(folder: Path) -> Model:
    """A model to start from or to learn from; ``default`` is the one that ships with Spondyl.

    Raises:
        ModelError: it cannot be read.
    """
    return read_model(default_model_folder() if folder == Path("default") else folder)


def device_of(name: str) -> torch.device:
    """The torch device a name stands for.

    Raises:
        InputError: torch does not know it, or it is not there.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError) as error:  # torch built without CUDA asserts
        reason = str(error).splitlines()[0]
        if reason.startswith(("Expected one of", "Invalid device")):
            reason = "torch knows no device of this name"
        raise InputError(
            f"device {name!r} cannot be used here: {reason}; auto takes what is there"
        ) from error
    return device
