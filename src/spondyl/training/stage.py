"""Training one stage of the ``spondyl`` recipe: endless patches, a fixed number of iterations."""

import json
import logging
import math
import time
from collections.abc import Callable, Iterable
from dataclasses import fields
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.utils.data import DataLoader

from spondyl.io.atomic import atomic_path
from spondyl.networks.export import load_weights
from spondyl.networks.spine_unet import SpineUNet
from spondyl.recipes.spondyl import SpondylRecipe, TrainingSettings
from spondyl.training.objective import spine_loss
from spondyl.training.patches import Patch, PatchStream

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


def train_stage(
    stream: PatchStream,
    stage: str,
    checkpoint: Path,
    *,
    device: str = "cpu",
    init: Path | None = None,
    workers: int = 1,
    every: int = 200,
    on_progress: Callable[[int, int, dict[str, float]], None] | None = None,
) -> nn.Module:
    """Train a stage, or go on where ``checkpoint`` stands.

    Args:
        stream: Patches of this stage.
        stage: ``"detection"`` or ``"identification"``.
        checkpoint: File written every ``every`` iterations; a ``.jsonl`` log lies beside it.
        device: Torch device.
        init: Weights (safetensors) to start from; by default random ones.
        workers: Processes that draw patches.
        every: Iterations between checkpoints and log lines.
        on_progress: Called with iteration, total and mean losses at each log line.

    Returns:
        The network with averaged weights, in evaluation mode.
    """
    settings = stream.recipe.training
    network = build_network(stream.recipe, stage)
    if init is not None:
        load_weights(network, init)
    network = network.to(device)
    average = torch.optim.swa_utils.AveragedModel(
        network, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(settings.ema), use_buffers=True
    )
    optimizer = torch.optim.AdamW(
        network.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay
    )
    parts = {"network": network, "average": average, "optimizer": optimizer}
    done = _restore(checkpoint, parts, device)
    stream.seed += done  # a restart draws new patches instead of the old ones again
    batches = iter(DataLoader(stream, settings.batch_size, num_workers=workers, collate_fn=collate))
    network.train()
    totals: dict[str, float] = {}
    started = time.monotonic()
    for iteration in range(done + 1, settings.iterations + 1):
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(iteration, settings)
        losses = _step(network, optimizer, _to(next(batches), device), settings)
        average.update_parameters(network)
        for name, value in losses.items():
            totals[name] = totals.get(name, 0.0) + value
        if iteration % every == 0 or iteration == settings.iterations:
            means = {name: round(value / every, 4) for name, value in totals.items()}
            totals = {}
            _save(checkpoint, parts, iteration)
            seconds = round(time.monotonic() - started, 1)
            _log(checkpoint, {"iteration": iteration, "seconds": seconds, **means})
            if on_progress:
                on_progress(iteration, settings.iterations, means)
    return average.module.eval()


def _step(
    network: nn.Module,
    optimizer: torch.optim.Optimizer,
    batch: Patch,
    settings: TrainingSettings,
) -> dict[str, float]:
    """One update; returns the losses."""
    with torch.autocast(batch.image.device.type, torch.bfloat16):
        outputs = network(batch.image)
    loss, parts = spine_loss(outputs, batch)
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    nn.utils.clip_grad_norm_(network.parameters(), settings.gradient_clip)
    optimizer.step()
    return parts


def learning_rate(iteration: int, settings: TrainingSettings) -> float:
    """Linear warm-up, then a cosine down to zero: of the iteration alone, so a restart needs no memory."""
    if iteration <= settings.warmup:
        return settings.learning_rate * iteration / max(settings.warmup, 1)
    rest = (iteration - settings.warmup) / max(settings.iterations - settings.warmup, 1)
    return settings.learning_rate * (1 + math.cos(math.pi * min(rest, 1))) / 2


def _to(batch: Patch, device: str) -> Patch:
    return Patch(**{f.name: getattr(batch, f.name).to(device, non_blocking=True) for f in fields(Patch)})


def _save(checkpoint: Path, parts: dict[str, Any], iteration: int) -> None:
    state = {name: part.state_dict() for name, part in parts.items()}
    with atomic_path(checkpoint) as temporary:
        torch.save({**state, "iteration": iteration}, temporary)


def _restore(checkpoint: Path, parts: dict[str, Any], device: str) -> int:
    """Load a checkpoint if there is one; returns the iterations done."""
    if not checkpoint.exists():
        return 0
    state = torch.load(checkpoint, map_location=device, weights_only=True)
    for name, part in parts.items():
        part.load_state_dict(state[name])
    logger.info("%s: going on after iteration %d", checkpoint, state["iteration"])
    return int(state["iteration"])


def _log(checkpoint: Path, row: dict[str, float]) -> None:
    with checkpoint.with_suffix(".jsonl").open("a", encoding="utf-8") as stream:
        stream.write(json.dumps(row) + "\n")
