"""Training both stages of the ``spinefinder`` recipe from samples on disk."""

import json
import logging
import os
import platform
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

import torch
from torch import nn

import spondyl
from spondyl.errors import InputError
from spondyl.io.atomic import refused
from spondyl.models import Model, ModelInfo, Stage, StageInfo, write_model
from spondyl.networks import losses, metrics
from spondyl.networks.build import build_network
from spondyl.networks.export import export_onnx, save_weights, verify_onnx
from spondyl.recipes.base import TrainingSpec
from spondyl.recipes.spinefinder import SpinefinderRecipe
from spondyl.samples.files import SamplePair, find_samples
from spondyl.training.checkpoint import CheckpointFolder, sole_training
from spondyl.training.data import PairDataset, epoch_batches, plain_batches, split_by_scan
from spondyl.training.loaders import explained
from spondyl.training.log import TrainingLog
from spondyl.training.loop import Scores, Step, Task, evaluate, optimizer_for, recalibrate, train
from spondyl.training.options import RunOptions, device_of

__all__ = ["train_spinefinder"]

_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Samples:
    """The three parts of the data; ``test`` is empty unless training scans are held out."""

    training: list[SamplePair]
    validation: list[SamplePair]
    test: list[SamplePair]


def train_spinefinder(
    stage: Stage,
    training: Path | str,
    validation: Path | str,
    model: Path | str,
    recipe: SpinefinderRecipe,
    options: RunOptions | None = None,
    on_step: Callable[[Step], None] | None = None,
) -> Model:
    """Train one stage and write its model folder.

    Args:
        stage: Which.
        training: Folder of its samples for training.
        validation: Folder of its samples for validation. With ``options.val_split`` they are
            only looked at once, after the training.
        model: The model folder to write, by any name; missing parents are made.
        recipe: Architecture, loss, optimizer, seed.
        options: Device, folders, resume; by default those of :class:`RunOptions`.
        on_step: Called after each step.

    Returns:
        The model as written.

    Raises:
        SampleError: samples are missing or damaged.
        InputError: the device cannot be used.
        ModelError: the loss is not finite, or a checkpoint does not fit.
        OutputError: something cannot be written, or another training writes the same checkpoints.
        WorkerError: a process that reads samples was killed.
    """
    options = options or RunOptions()
    spec = recipe.detection.training if stage == "detection" else recipe.identification.training
    samples = _find(stage, Path(training), Path(validation), recipe, options)
    device = device_of(options.device)
    torch.manual_seed(recipe.seed)
    network = build_network(architecture(stage, recipe)).to(device)
    if spec.channels_last:
        layout = torch.channels_last if stage == "identification" else torch.channels_last_3d
        network = network.to(memory_format=layout)  # type: ignore[call-overload]
    task = _task(stage, network, recipe, spec, samples, options)
    optimizer = optimizer_for(network, spec)
    checkpoints = CheckpointFolder(
        options.checkpoints / f"{stage}_model", _fingerprint(stage, recipe, samples), options.keep_checkpoints
    )
    about = _about(stage, training, validation, samples, options, device)
    description = {**about, "recipe": recipe.model_dump(mode="json"), "network": str(network).splitlines()}
    with sole_training(checkpoints.folder), explained():
        progress = checkpoints.resume(network, optimizer, device) if options.resume else checkpoints.begin()
        progress.log_folder = progress.log_folder or str(_new_folder(options.logs, stage))
        with TrainingLog(Path(progress.log_folder), description) as log:
            train(
                task, spec, checkpoints, log,
                progress=progress, optimizer=optimizer, seed=recipe.seed, on_step=on_step,
            )  # fmt: skip
        if spec.recalibrate_batches:
            recalibrate(task, spec)
        scores = {"validation": evaluate(task, spec)}
        if samples.test:
            dataset = PairDataset(samples.test, add_channel=stage == "detection")
            scores["test"] = evaluate(task, spec, plain_batches(dataset, spec.batch_size))
        about |= {"epochs": progress.epoch, "steps": progress.step, "best_epoch": progress.best_epoch}
        about |= {"training_seconds": round(progress.seconds, 1)}
        return _write(Path(model), stage, network, recipe, about, scores)


def architecture(stage: Stage, recipe: SpinefinderRecipe) -> dict[str, Any]:
    """Name and arguments of a stage's network, as ``model.json`` keeps them."""
    if stage == "detection":
        return {"name": "DetectionUNet", **recipe.detection.network.model_dump()}
    spec = recipe.identification
    return {
        "name": "IdentificationUNet",
        **spec.network.model_dump(),
        "slices": spec.slices,
        "floor_kernel": list(spec.floor_kernel),
    }


def _find(
    stage: Stage, training: Path, validation: Path, recipe: SpinefinderRecipe, options: RunOptions
) -> _Samples:
    """Find and check the samples, and say in the log what validation means here."""
    if stage == "detection":
        shapes: tuple[Sequence[int], Sequence[int]] = (recipe.detection.sample_shape,) * 2
    else:
        spec = recipe.identification
        shapes = (spec.slices, *spec.sample_shape), spec.sample_shape
    train_pairs, other = find_samples(training, *shapes), find_samples(validation, *shapes)
    shared = sorted({p.scan for p in train_pairs} & {p.scan for p in other})
    if shared:
        _logger.warning(
            "%d scan(s) are in training and validation (%s ...): the scores will be too good",
            len(shared), shared[0],
        )  # fmt: skip
    if not 0 <= options.val_split < 1:
        raise InputError(
            f"the share held out for validation must be 0 or between 0 and 1: {options.val_split}"
        )
    if options.val_split:
        kept, held_out = split_by_scan(train_pairs, options.val_split, recipe.seed)
        _logger.info("%d of the training samples are held out for validation", len(held_out))
        return _Samples(kept, held_out, other)
    _logger.info(
        "validating on %s after each epoch; if these are the test scans, as in the reference, do not "
        "choose anything by their scores (or hold out training scans with --val-split)",
        validation,
    )
    return _Samples(train_pairs, other, [])


def _task(
    stage: Stage,
    network: nn.Module,
    recipe: SpinefinderRecipe,
    spec: TrainingSpec,
    samples: _Samples,
    options: RunOptions,
) -> Task:
    add_channel = stage == "detection"
    training = PairDataset(samples.training, add_channel=add_channel)
    validation = PairDataset(samples.validation, add_channel=add_channel)
    batches = partial(plain_batches, validation, spec.batch_size, workers=options.workers)
    epochs = epoch_batches(training, spec.batch_size, seed=recipe.seed, workers=options.workers)
    count = max(len(training) // spec.batch_size, 1)
    if stage == "identification":
        scores: Scores = {"identification_rate": metrics.identification_rate}
        return Task(network, losses.ignore_background, scores, epochs, batches, count)
    loss = partial(losses.weighted_cross_entropy, weights=recipe.detection.class_weights)
    scores = {
        "dice": metrics.dice,
        "recall_background": partial(metrics.recall, label=0),
        "recall_vertebra": partial(metrics.recall, label=1),
        "accuracy": metrics.accuracy,
    }
    return Task(network, loss, scores, epochs, batches, count)


def _fingerprint(stage: Stage, recipe: SpinefinderRecipe, samples: _Samples) -> str:
    """What must not change between two runs of one training (the number of epochs may)."""
    part = recipe.model_dump(mode="json")[stage]
    part["training"].pop("epochs")
    names = [[p.name for p in pairs] for pairs in (samples.training, samples.validation)]
    return sha256(json.dumps([stage, recipe.seed, part, names], sort_keys=True).encode()).hexdigest()


def _about(
    stage: Stage,
    training: Path | str,
    validation: Path | str,
    samples: _Samples,
    options: RunOptions,
    device: torch.device,
) -> dict[str, Any]:
    """Where a model comes from, as JSON values."""
    parts = {name: pairs for name, pairs in vars(samples).items() if pairs}
    return {
        "stage": stage,
        "program": f"spondyl {spondyl.__version__}",
        "date": f"{_now():%Y-%m-%d %H:%M:%S%z}",
        "device": torch.cuda.get_device_name(device)
        if device.type == "cuda"
        else platform.processor() or "CPU",
        "torch": torch.__version__,
        "training_folder": str(training),
        "validation_folder": str(validation),
        "held_out_share": options.val_split,
        "validation": "held-out training scans"
        if options.val_split
        else "the validation folder, after each epoch",
        "samples": {name: len(pairs) for name, pairs in parts.items()},
        "scans": {name: sorted({p.scan for p in pairs}) for name, pairs in parts.items()},
    }


def _write(
    folder: Path,
    stage: Stage,
    network: nn.Module,
    recipe: SpinefinderRecipe,
    about: dict[str, Any],
    scores: dict[str, Any],
) -> Model:
    """Export the network, check the export, and write the model folder."""
    network = network.cpu().float().eval()
    shape = (1, 1, 32, 32, 48) if stage == "detection" else (1, recipe.identification.slices, 80, 160)
    other = tuple(n if axis < 2 else n + 16 for axis, n in enumerate(shape))
    info = ModelInfo(
        recipe=recipe.model_dump(mode="json"),
        stages={
            stage: StageInfo(
                architecture=architecture(stage, recipe), weights=f"{stage}.safetensors", onnx=f"{stage}.onnx"
            )
        },
        labels=recipe.labels,
        spacing_mm=(recipe.working.spacing_mm,) * 3,
        provenance=about,
        scores=scores,
    )
    with tempfile.TemporaryDirectory() as temporary:
        files = {name: Path(temporary) / name for name in info.stages[stage].files}
        save_weights(network, files[f"{stage}.safetensors"])
        export_onnx(network, files[f"{stage}.onnx"], shape)
        verify_onnx(network, files[f"{stage}.onnx"], other)
        return write_model(folder, info, files)


def _new_folder(logs: Path, stage: Stage) -> Path:
    """A log folder named after this second, and after this process where another training began in it.

    Raises:
        OutputError: it cannot be made.
    """
    folder = logs / f"{stage}-{_now():%Y-%m-%d-%H-%M-%S}"
    try:
        folder.mkdir(parents=True)
    except FileExistsError:
        return folder.with_name(f"{folder.name}-{os.getpid()}")
    except OSError as error:
        raise refused(folder, error) from error
    return folder


def _now() -> datetime:
    return datetime.now(UTC).astimezone()
