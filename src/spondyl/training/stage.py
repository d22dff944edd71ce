"""Training one stage of the ``spondyl`` recipe: endless patches, a fixed number of iterations."""

import json
import logging
import math
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import nullcontext
from dataclasses import fields
from hashlib import sha256
from itertools import count
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.utils.data import DataLoader

from spondyl.errors import ModelError
from spondyl.models import Stage
from spondyl.networks.export import load_weights
from spondyl.networks.spine_unet import SpineUNet
from spondyl.recipes.spondyl import SpondylRecipe, TrainingSettings
from spondyl.training.checkpoint import ABOUT_TO_REPLACE, read_state, write_state
from spondyl.training.helpers import NOBODY, Helpers
from spondyl.training.loaders import start_method
from spondyl.training.log import append_row
from spondyl.training.objective import spine_loss
from spondyl.training.patches import Patch, PatchStream
from spondyl.training.team import ALONE, Team

__all__ = ["build_network", "collate", "learning_rate", "train_stage"]

logger = logging.getLogger(__name__)


def build_network(recipe: SpondylRecipe, stage: str) -> SpineUNet:
    """The untrained network of a stage."""
    arguments = SpineUNet.describe(recipe.stage(stage), len(recipe.hu_windows))
    arguments.pop("name")
    return SpineUNet(**arguments)


def collate(patches: Iterable[Patch]) -> Patch:
    """Stack patches into one batch."""
    patches = list(patches)
    return Patch(**{f.name: torch.stack([getattr(p, f.name) for p in patches]) for f in fields(Patch)})


def train_stage(  # noqa: PLR0913 - all that a training is
    stream: PatchStream,
    stage: Stage,
    checkpoint: Path,
    *,
    team: Team = ALONE,
    helpers: Helpers = NOBODY,
    resume: bool = True,
    workers: int = 1,
    every: int = 200,
    on_progress: Callable[[int, int, dict[str, float]], None] | None = None,
) -> nn.Module:
    """Train a stage, or go on where ``checkpoint`` stands: exactly as if there had been no pause.

    An iteration sees ``batch_size * accumulate`` patches in every process.

    Args:
        stream: Patches of this stage.
        stage: ``"detection"`` or ``"identification"``.
        checkpoint: File written every ``every`` iterations; a ``.jsonl`` log lies beside it.
        team: The processes that train together; each sees other patches, the leader writes.
        helpers: The model to start from, by default none but random weights; the one that taught the cases.
        resume: Go on from ``checkpoint``, if there is one; else it is replaced at the first iteration to
            be written down.
        workers: Processes that draw patches.
        every: Iterations between checkpoints and log lines.
        on_progress: Called with iteration, total and mean losses at each log line.

    Returns:
        The network with averaged weights, in evaluation mode.

    Raises:
        ModelError: ``checkpoint`` is damaged, or of another training; ``init`` does not fit; the loss
            became infinite or no number.
        OutputError: ``checkpoint`` or its log cannot be written.
    """
    settings = stream.recipe.training
    with torch.random.fork_rng():
        torch.manual_seed(settings.seed)
        network = build_network(stream.recipe, stage)
    if helpers.init is not None:
        load_weights(network, helpers.init.weights_path(stage))
    network = network.to(team.device)
    _laid_out(network, torch.channels_last_3d)  # up to half the time on CPUs
    average = torch.optim.swa_utils.AveragedModel(
        network, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(settings.ema), use_buffers=True
    )
    optimizer = torch.optim.AdamW(
        network.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay
    )
    parts = {"network": network, "average": average, "optimizer": optimizer}
    same = {"settings": _fingerprint(stream, stage, team), "helpers": helpers.about()}
    done = _restore(checkpoint, parts, same, team.device) if resume else _begin(checkpoint)
    batches = _batches(stream, settings, team, done, workers)
    shared = team.wrapped(network.train())
    totals: dict[str, float] = {}
    told, started = done, time.monotonic()
    for iteration in range(done + 1, settings.iterations + 1):
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(iteration, settings)
        losses = _iterate(shared, optimizer, batches, stream.recipe, stage, team.device)
        average.update_parameters(network)
        for name, value in losses.items():
            totals[name] = totals.get(name, 0.0) + value
        if iteration % every == 0 or iteration == settings.iterations:
            means = {name: round(value / (iteration - told), 4) for name, value in team.mean(totals).items()}
            _check(means, told, iteration)
            if team.leads:
                _save(checkpoint, parts, same, iteration)
                seconds = round(time.monotonic() - started, 1)
                row = {"iteration": iteration, "seconds": seconds, **means}
                append_row(checkpoint.with_suffix(".jsonl"), row, anew=told == 0)
                logger.info("iteration %d of %d: %s", iteration, settings.iterations, _readable(means))
            totals, told = {}, iteration
            if on_progress:
                on_progress(iteration, settings.iterations, means)
    _laid_out(average.module, torch.contiguous_format)  # as files have it
    return average.module.eval()


def _laid_out(network: nn.Module, memory_format: torch.memory_format) -> None:
    """Lay the weights out in memory, in place."""
    network.to(memory_format=memory_format)  # type: ignore[call-overload]  # torch's stubs leave it out


def _batches(
    stream: PatchStream, settings: TrainingSettings, team: Team, done: int, workers: int
) -> Iterator[Patch]:
    """This process's batches from iteration ``done`` on, whatever the number of workers.

    Patches are dealt out by number, so that all processes together use each number once, in the order
    in which one process with as many patches per iteration would.
    """
    size = settings.batch_size
    first = done * settings.accumulate * team.size + team.rank
    numbers = (range(size * block, size * (block + 1)) for block in count(first, team.size))
    loader = DataLoader(
        stream,
        batch_sampler=numbers,  # type: ignore[arg-type]  # any iterable will do
        num_workers=workers,
        collate_fn=collate,
        multiprocessing_context=start_method(workers),
    )
    return iter(loader)


def _iterate(
    network: nn.Module,
    optimizer: torch.optim.Optimizer,
    batches: Iterator[Patch],
    recipe: SpondylRecipe,
    stage: str,
    device: torch.device,
) -> dict[str, float]:
    """One update of the weights; returns the mean losses of this process."""
    settings = recipe.training
    optimizer.zero_grad(set_to_none=True)
    totals: dict[str, float] = {}
    shared = network if isinstance(network, nn.parallel.DistributedDataParallel) else None
    for part in range(settings.accumulate):
        batch = _to(next(batches), device)
        last = part + 1 == settings.accumulate  # with which processes exchange their gradients
        with nullcontext() if shared is None or last else shared.no_sync():
            with torch.autocast(device.type, torch.bfloat16, enabled=settings.precision == "bf16"):
                outputs = network(batch.image)
            loss, parts = spine_loss(outputs, batch, recipe.stage(stage))
            (loss / settings.accumulate).backward()
        for name, value in parts.items():
            totals[name] = totals.get(name, 0.0) + value / settings.accumulate
    nn.utils.clip_grad_norm_(network.parameters(), settings.gradient_clip)
    optimizer.step()
    return totals


def learning_rate(iteration: int, settings: TrainingSettings) -> float:
    """Linear warm-up, then a cosine down to zero: of the iteration alone, so a restart needs no memory."""
    if iteration <= settings.warmup:
        return settings.learning_rate * iteration / max(settings.warmup, 1)
    rest = (iteration - settings.warmup) / max(settings.iterations - settings.warmup, 1)
    return settings.learning_rate * (1 + math.cos(math.pi * min(rest, 1))) / 2


def _to(batch: Patch, device: torch.device) -> Patch:
    return Patch(**{f.name: getattr(batch, f.name).to(device, non_blocking=True) for f in fields(Patch)})


def _fingerprint(stream: PatchStream, stage: Stage, team: Team) -> str:
    """What must not change between two runs of one training (the number of iterations may)."""
    part = stream.recipe.model_dump(mode="json", include={stage, "augmentation", "hu_windows", "training"})
    part["training"].pop("iterations")
    part["training"]["accumulate"] *= team.size  # half the processes, twice the batches: the same patches
    names = [case.name for case in stream.cases]
    return sha256(json.dumps([stage, stream.seed, part, names], sort_keys=True).encode()).hexdigest()


def _check(means: dict[str, float], told: int, iteration: int) -> None:
    """Stop a training that cannot learn any more."""
    if not all(math.isfinite(value) for value in means.values()):
        raise ModelError(
            f"the losses of iterations {told + 1} to {iteration} are no numbers ({_readable(means)}); lower"
            " learning_rate in the training section of the recipe, or add --precision f32, and train anew"
        )


def _readable(means: dict[str, float]) -> str:
    return ", ".join(f"{name} {value:.4f}" for name, value in means.items())


def _save(checkpoint: Path, parts: dict[str, Any], same: dict[str, Any], iteration: int) -> None:
    state = {name: part.state_dict() for name, part in parts.items()}
    write_state({**state, **same, "iteration": iteration}, checkpoint)


def _restore(checkpoint: Path, parts: dict[str, Any], same: dict[str, Any], device: torch.device) -> int:
    """Load a checkpoint if there is one; returns the iterations done.

    Args:
        checkpoint: The file.
        parts: What to fill.
        same: What must be as it was; what a checkpoint does not tell counts as the same.
        device: Of the tensors.

    Raises:
        ModelError: it is damaged, or of another training.
    """
    if not checkpoint.exists():
        logger.info("%s: no checkpoint to resume from, starting anew", checkpoint)
        return 0
    state = read_state(checkpoint, device)
    words = {
        "settings": "another recipe, other scans, or another number of patches per iteration",
        "helpers": "another --init or --teacher",
    }
    for name, value in same.items():
        if state.get(name, value) != value:
            raise ModelError(
                f"{checkpoint}: belongs to a training with {words[name]}; "
                "train without --resume, or with another --checkpoints folder"
            )
    for name, part in parts.items():
        part.load_state_dict(state[name])
    logger.info("%s: going on after iteration %d", checkpoint, state["iteration"])
    return int(state["iteration"])


def _begin(checkpoint: Path) -> int:
    """Tell of an earlier training while it can still be saved; returns the iterations done, none."""
    if checkpoint.exists():
        logger.warning(ABOUT_TO_REPLACE, checkpoint)
    return 0
