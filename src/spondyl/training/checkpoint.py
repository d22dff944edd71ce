"""Checkpoints: the weights of every epoch, and one file from which a training can go on.

``checkpoints/detection_model/detection_model.07.pt`` holds the weights after epoch 7;
``resume.pt`` beside it the optimizer as well. Both hold tensors and plain values only.
"""

import logging
import os
import platform
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import torch

from spondyl.errors import ModelError, OutputError
from spondyl.io.atomic import atomic_path
from spondyl.io.claims import claimant_of, claimed

__all__ = ["ABOUT_TO_REPLACE", "CheckpointFolder", "Progress", "read_state", "sole_training", "write_state"]

_log = logging.getLogger(__name__)

ABOUT_TO_REPLACE: Final = (
    "%s: left by an earlier training, will soon be replaced; to go on with it stop now and add --resume,"
    " to keep it name another --checkpoints folder"
)
"""Said of a checkpoint when a training starts anew beside it."""


@dataclass
class Progress:
    """How far a training is.

    Attributes:
        epoch: Epochs done.
        step: Steps done.
        best_epoch: Epoch of the lowest validation loss; 0 before the first.
        best_loss: That loss.
        seconds: Time spent, over all runs.
        log_folder: Where the log is.
    """

    epoch: int = 0
    step: int = 0
    best_epoch: int = 0
    best_loss: float = float("inf")
    seconds: float = 0.0
    log_folder: str = ""


class CheckpointFolder:
    """The checkpoints of one training.

    Args:
        folder: E.g. ``checkpoints/detection_model``; its name is also that of the files.
        settings: Whatever must not change between two runs of one training.
        keep: How many epochs' weights stay on disk; ``None`` for all. The best always stays.
    """

    def __init__(self, folder: Path, settings: str, keep: int | None = None) -> None:
        self.folder, self.settings, self.keep = folder, settings, keep

    def path(self, epoch: int) -> Path:
        """File with the weights after an epoch."""
        return self.folder / f"{self.folder.name}.{epoch:02d}.pt"

    @property
    def resume_path(self) -> Path:
        """File from which the training goes on."""
        return self.folder / "resume.pt"

    def save(self, progress: Progress, network: torch.nn.Module, optimizer: torch.optim.Optimizer) -> None:
        """Write the weights of this epoch, then the state to go on from.

        Raises:
            OutputError: the disk is full or the folder cannot be written.
        """
        write_state({"network": network.state_dict()}, self.path(progress.epoch))
        state = {
            "settings": self.settings,
            "progress": asdict(progress),
            "network": network.state_dict(),
            "optimizer": optimizer.state_dict(),
        }
        write_state(state, self.resume_path)
        if self.keep is not None:
            for epoch in range(1, progress.epoch - self.keep + 1):
                if epoch != progress.best_epoch:
                    self.path(epoch).unlink(missing_ok=True)

    def begin(self) -> Progress:
        """Start anew, and tell of an earlier training while it can still be saved."""
        if self.resume_path.exists():
            _log.warning(ABOUT_TO_REPLACE, self.resume_path)
        return Progress()

    def resume(
        self, network: torch.nn.Module, optimizer: torch.optim.Optimizer, device: torch.device
    ) -> Progress:
        """Load the state of an interrupted training into network and optimizer.

        Returns:
            How far it was; a fresh :class:`Progress` if there is nothing to go on from.

        Raises:
            ModelError: the checkpoint is damaged, or of a training with other settings.
        """
        if not self.resume_path.exists():
            _log.info("%s: no checkpoint to resume from, starting anew", self.folder)
            return Progress()
        state = read_state(self.resume_path, device)
        if state.get("settings") != self.settings:
            raise ModelError(
                f"{self.resume_path}: belongs to a training with another recipe or other samples; "
                "train without --resume, or with another --checkpoints folder"
            )
        network.load_state_dict(state["network"])
        optimizer.load_state_dict(state["optimizer"])
        return Progress(**state["progress"])

    def load_epoch(self, epoch: int, network: torch.nn.Module, device: torch.device) -> None:
        """Load the weights of one epoch.

        Raises:
            ModelError: they are missing or damaged.
        """
        network.load_state_dict(read_state(self.path(epoch), device)["network"])


@contextmanager
def sole_training(folder: Path) -> Iterator[None]:
    """A block that trains in a folder of checkpoints, which no other may write meanwhile.

    Raises:
        OutputError: another training is at work in it, or its parent cannot be written to.
    """
    with claimed(folder, f"process {os.getpid()} on {platform.node()}") as ours:
        if not ours:
            raise OutputError(
                f"{folder}: another training ({claimant_of(folder) or 'just ending'}) writes its checkpoints"
                " here; wait for its end, or give this one another --checkpoints folder"
            )
        yield


def write_state(state: Mapping[str, Any], path: Path) -> None:
    """Write tensors and plain values.

    Raises:
        OutputError: the disk is full or the folder cannot be written.
    """
    with atomic_path(path) as temporary, temporary.open("wb") as stream:
        try:
            torch.save(dict(state), stream)
        except RuntimeError as error:  # closing what it could not write; the system's reason comes before
            if isinstance(error.__context__, OSError):
                raise error.__context__ from None
            raise
        stream.flush()
        os.fsync(stream.fileno())


def read_state(path: Path, device: torch.device) -> dict[str, Any]:
    """Read what :func:`write_state` wrote.

    Raises:
        ModelError: the file is damaged or something else.
    """
    try:
        state = torch.load(path, map_location=device, weights_only=True)
    except Exception as error:  # torch raises many kinds, down to those of its unpickler
        raise ModelError(
            f"{path}: the checkpoint cannot be read ({type(error).__name__}); train without --resume"
        ) from error
    if not isinstance(state, dict):
        raise ModelError(f"{path}: not a checkpoint")
    return state
