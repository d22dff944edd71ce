"""A plain training loop: epochs, validation, checkpoints, logs, and going on after a kill.

Everything random in an epoch follows from the seed and the number of the epoch, so a training
that was killed and resumed ends with the same weights, bit for bit, as one that was not.
"""

import logging
import math
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from spondyl.errors import ModelError
from spondyl.networks.metrics import Fraction
from spondyl.recipes.base import TrainingSpec
from spondyl.training.checkpoint import CheckpointFolder, Progress
from spondyl.training.log import TrainingLog

__all__ = ["Batches", "Scores", "Step", "Task", "evaluate", "optimizer_for", "recalibrate", "train"]

_log = logging.getLogger(__name__)

Batches = Iterable[tuple[Tensor, Tensor]]
Scores = Mapping[str, Callable[[Tensor, Tensor], Fraction]]


@dataclass(frozen=True)
class Task:
    """What is learnt.

    Attributes:
        network: Takes the first tensor of a batch.
        loss: Scalar from the network's output and the second tensor of a batch.
        metrics: Numerator and denominator from the same, summed over an epoch.
        training: The batches of an epoch, by its number, starting at 1.
        validation: The batches to validate on.
        batches: How many batches an epoch has.
    """

    network: nn.Module
    loss: Callable[[Tensor, Tensor], Tensor]
    metrics: Scores
    training: Callable[[int], Batches]
    validation: Callable[[], Batches]
    batches: int


@dataclass(frozen=True)
class Step:
    """A step that was just done, for progress bars.

    Attributes:
        epoch: Its epoch, starting at 1.
        epochs: Epochs in all.
        batch: Its batch, starting at 1.
        batches: Batches per epoch.
        loss: Of this batch.
    """

    epoch: int
    epochs: int
    batch: int
    batches: int
    loss: float


def train(
    task: Task,
    spec: TrainingSpec,
    checkpoints: CheckpointFolder,
    log: TrainingLog,
    *,
    progress: Progress,
    optimizer: torch.optim.Optimizer,
    seed: int,
    on_step: Callable[[Step], None] | None = None,
) -> Progress:
    """Train until ``spec.epochs`` are done; a checkpoint and a log line after each.

    Args:
        task: What to learn; its network is on its device and trained in place.
        spec: How.
        checkpoints: Where the checkpoints go.
        log: Where the values go.
        progress: Where to start: :class:`Progress` anew or from a checkpoint; updated.
        optimizer: Of :func:`optimizer_for`, restored from the same checkpoint.
        seed: Of everything random.
        on_step: Called after each step.

    Returns:
        How far the training is; the network holds the last or the best epoch, as ``spec`` says.

    Raises:
        ModelError: the loss is not finite.
        OutputError: checkpoints or logs cannot be written.
    """
    device = next(task.network.parameters()).device
    while progress.epoch < spec.epochs:
        started = time.monotonic()
        epoch = progress.epoch + 1
        torch.manual_seed(seed * 1_000_003 + epoch)
        rate = spec.learning_rate / (1 + spec.decay * progress.step)
        values = _epoch(task, spec, optimizer, progress, epoch, on_step)
        values |= {f"val_{name}": value for name, value in evaluate(task, spec).items()}
        if not math.isfinite(values["loss"]):
            raise ModelError(
                f"the training loss of epoch {epoch} is {values['loss']}; "
                "lower the learning rate or set clip_norm, and train anew"
            )
        progress.epoch = epoch
        progress.seconds += time.monotonic() - started
        if values["val_loss"] < progress.best_loss:
            progress.best_epoch, progress.best_loss = epoch, values["val_loss"]
        checkpoints.save(progress, task.network, optimizer)
        log.epoch(epoch, {**values, "learning_rate": rate, "seconds": time.monotonic() - started})
        _log.info("epoch %d of %d: %s", epoch, spec.epochs, _readable(values))
    if spec.keep == "best" and 0 < progress.best_epoch != progress.epoch:
        checkpoints.load_epoch(progress.best_epoch, task.network, device)
    return progress


def optimizer_for(network: nn.Module, spec: TrainingSpec) -> torch.optim.Optimizer:
    """Adam as the reference sets it."""
    return torch.optim.Adam(network.parameters(), lr=spec.learning_rate, eps=spec.epsilon)


def _epoch(
    task: Task,
    spec: TrainingSpec,
    optimizer: torch.optim.Optimizer,
    progress: Progress,
    epoch: int,
    on_step: Callable[[Step], None] | None,
) -> dict[str, float]:
    """One pass over the training batches; mean loss and metrics."""
    task.network.train()
    totals = _Totals()
    for batch, (x, target) in enumerate(_to_device(task.training(epoch), task.network, spec), start=1):
        for group in optimizer.param_groups:
            group["lr"] = spec.learning_rate / (1 + spec.decay * progress.step)
        optimizer.zero_grad(set_to_none=True)
        output = _forward(task.network, x, spec)
        loss = task.loss(output, target)
        loss.backward()
        if spec.clip_norm is not None:
            nn.utils.clip_grad_norm_(task.network.parameters(), spec.clip_norm)
        optimizer.step()
        progress.step += 1
        totals.add(task, output.detach(), target, loss.detach())
        if on_step is not None:
            on_step(Step(epoch, spec.epochs, batch, task.batches, float(loss.detach())))
    return totals.means()


@torch.no_grad()
def evaluate(task: Task, spec: TrainingSpec, batches: Batches | None = None) -> dict[str, float]:
    """Mean loss and metrics of the network as it is.

    Args:
        task: Network, loss and metrics.
        spec: Precision and memory layout.
        batches: Of what; by default the validation batches.
    """
    task.network.eval()
    totals = _Totals()
    chosen = task.validation() if batches is None else batches
    for x, target in _to_device(chosen, task.network, spec):
        output = _forward(task.network, x, spec)
        totals.add(task, output, target, task.loss(output, target))
    return totals.means()


@torch.no_grad()
def recalibrate(task: Task, spec: TrainingSpec) -> None:
    """Average the batch-normalisation statistics over several training batches.

    With Keras' momentum of 0.1 they describe hardly more than the last batch.
    """
    norms = [m for m in task.network.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # torch: a plain average over all batches seen
    task.network.train()
    batches = zip(range(spec.recalibrate_batches), task.training(spec.epochs), strict=False)
    for x, _ in _to_device((batch for _, batch in batches), task.network, spec):
        _forward(task.network, x, spec)
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
    task.network.eval()


class _Totals:
    """Sums of losses and metrics on the device, fetched once at the end."""

    def __init__(self) -> None:
        self._loss: list[Tensor] = []
        self._count = 0
        self._fractions: dict[str, list[Tensor]] = {}

    def add(self, task: Task, output: Tensor, target: Tensor, loss: Tensor) -> None:
        self._loss.append(loss * len(target))
        self._count += len(target)
        for name, metric in task.metrics.items():
            self._fractions.setdefault(name, []).append(torch.stack(metric(output, target)))

    def means(self) -> dict[str, float]:
        if not self._loss:
            return {"loss": math.nan}
        result = {"loss": float(torch.stack(self._loss).sum()) / self._count}
        for name, parts in self._fractions.items():
            numerator, denominator = torch.stack(parts).double().sum(0).tolist()
            result[name] = numerator / denominator if denominator else 0.0
        return result


def _forward(network: nn.Module, x: Tensor, spec: TrainingSpec) -> Tensor:
    with torch.autocast(x.device.type, torch.bfloat16, enabled=spec.precision == "bf16"):
        output: Tensor = network(x)
    return output.float()


def _to_device(batches: Batches, network: nn.Module, spec: TrainingSpec) -> Batches:
    device = next(network.parameters()).device
    for x, target in batches:
        moved = x.to(device, non_blocking=True)
        if spec.channels_last:
            layout = torch.channels_last if x.ndim == 4 else torch.channels_last_3d
            moved = moved.to(memory_format=layout)
        yield moved, target.to(device, non_blocking=True)


def _readable(values: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {value:.4f}" for name, value in values.items())
