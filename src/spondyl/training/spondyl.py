"""Training both stages of the ``spondyl`` recipe from data sets, and writing the model folder."""

import logging
import tempfile
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from copy import deepcopy
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.utils.data import DataLoader

import spondyl
from spondyl.anatomy import NAMES
from spondyl.models import Model, ModelInfo, Stage, StageInfo, read_model, write_model
from spondyl.networks.export import export_onnx, save_weights, verify_onnx
from spondyl.networks.spine_unet import SpineUNet
from spondyl.recipes.spondyl import AugmentationSettings, SpondylRecipe
from spondyl.training.checkpoint import sole_training
from spondyl.training.corpus import TrainingCase
from spondyl.training.helpers import Helpers
from spondyl.training.loaders import explained
from spondyl.training.objective import spine_loss
from spondyl.training.options import RunOptions, device_of
from spondyl.training.patches import PatchStream
from spondyl.training.preparation import level_weights, prepare_dataset, prepare_phantoms
from spondyl.training.stage import collate, train_stage
from spondyl.training.teacher import taught, teacher
from spondyl.training.team import Team

__all__ = ["STILL", "train_spondyl", "write_spondyl_model"]

logger = logging.getLogger(__name__)

STILL = AugmentationSettings(
    rotation_deg=0, scale=(1, 1), stretch=0, elastic_mm=0, mirror=0, field_of_view=0,
    hu_gain=0, hu_shift=0, gamma=0, noise_hu=0, blur=0, thick_slices=0, recolour=0,
)  # fmt: skip
"""No change at all, for measuring."""

_CASE_SPACING_MM = 2.0  # fine enough for the stages at 3 mm and more; finer stages have cases of their own


@dataclass(frozen=True)
class _Cases:
    """Prepared scans and phantoms."""

    scans: list[TrainingCase]
    phantoms: list[TrainingCase]

    @property
    def all(self) -> list[TrainingCase]:
        return self.scans + self.phantoms

    def weights(self, phantom_share: float) -> list[float]:
        """How often each case is drawn; phantoms, if any, together in ``phantom_share`` of all draws."""
        share = phantom_share if self.phantoms else 0.0
        scans = level_weights(self.scans)
        each = share * sum(scans) / max(len(self.phantoms), 1)
        return [(1 - share) * weight for weight in scans] + [each] * len(self.phantoms)


def train_spondyl(
    stage: Stage,
    training: Path | str,
    validation: Path | str,
    model: Path | str,
    recipe: SpondylRecipe,
    options: RunOptions | None = None,
    on_progress: Callable[[int, int, dict[str, float]], None] | None = None,
    team: Team | None = None,
) -> Model:
    """Train one stage and write its model folder.

    Args:
        stage: Which.
        training: Data set with annotated scans; phantoms are added as the recipe says.
        validation: Data set whose losses are measured once, after the training.
        model: The model folder to write.
        recipe: Networks, augmentation, schedule.
        options: Device, folders, resume; by default those of :class:`RunOptions`.
        on_progress: Called with iteration, iterations in all and mean losses.
        team: The processes that train together, of :func:`~spondyl.training.team.joined`; the leader
            writes, and the others return what it wrote.

    Raises:
        DatasetError: a data set holds no usable scan.
        InputError: the device cannot be used.
        ModelError: the model to start from, or the teacher, cannot be used; the checkpoint does not fit; the
            loss became infinite or no number.
        OutputError: something cannot be written, or another training writes the same checkpoints.
        WorkerError: a process that prepares scans or patches was killed.
    """
    options = options or RunOptions()
    team = team or Team(device=device_of(options.device))
    helpers = Helpers.of(stage, recipe, options)
    store = options.checkpoints / "spondyl_cases"
    spacing_mm = min(recipe.stage(stage).spacing_mm, _CASE_SPACING_MM)
    checkpoint = options.checkpoints / f"{stage}_model" / f"{stage}_model.pt"
    with sole_training(checkpoint.parent) if team.leads else nullcontext(), explained():
        with team.leader_first():
            unseen: list[str] = []
            if team.leads:  # for later, so that nobody trains for hours to learn of a wrong folder
                unseen = [
                    case.name for case in prepare_dataset(validation, store, spacing_mm, options.workers)
                ]
            cases = _prepare(training, store, recipe, options, helpers, spacing_mm)
            _remark_on_seen(unseen, [case.name for case in cases.scans])
        stream = PatchStream(
            cases.all, cases.weights(recipe.training.phantom_share), recipe, stage, recipe.training.seed
        )
        network = train_stage(
            stream,
            stage,
            checkpoint,
            team=team,
            helpers=helpers,
            resume=options.resume,
            workers=options.workers,
            every=options.every,
            on_progress=on_progress,
        )
        with team.leader_first():
            if not team.leads:
                return read_model(model)
            held = prepare_dataset(validation, store, spacing_mm, options.workers)
            about = {
                "program": f"spondyl {spondyl.__version__}",
                "date": f"{datetime.now(UTC):%Y-%m-%d}",
                "scans": sorted(case.name for case in cases.scans),
                "validation_scans": sorted(case.name for case in held),
                "phantoms": len(cases.phantoms),
                "iterations": recipe.training.iterations,
                "processes": team.size,
                **helpers.about(),
            }
            scores = {"validation": {"scans": len(held), **_losses(network, held, recipe, stage)}}
            return write_spondyl_model(model, {stage: network}, recipe, about, scores)


def _remark_on_seen(held: list[str], learnt: list[str]) -> None:
    """Say if validation scans are training scans too."""
    seen = sorted(set(held) & set(learnt))
    if seen:
        logger.warning(
            "%d of %d validation scans bear names of training scans (%s); losses of scans that were learnt"
            " from say nothing about new ones",
            len(seen),
            len(held),
            ", ".join(seen[:3]) + (", ..." if len(seen) > 3 else ""),
        )


def _prepare(
    training: Path | str,
    store: Path,
    recipe: SpondylRecipe,
    options: RunOptions,
    helpers: Helpers,
    spacing_mm: float,
) -> _Cases:
    """The scans and phantoms to learn from, made or read."""
    scans = prepare_dataset(training, store, spacing_mm, options.workers)
    phantoms = []
    if recipe.training.phantoms:
        phantoms = prepare_phantoms(
            recipe.training.phantoms, recipe.training.seed, store, spacing_mm, options.workers
        )
    if helpers.teacher is not None:
        maps_of = teacher(helpers.teacher)
        scans = [taught(case, maps_of) for case in scans]
    return _Cases(scans, phantoms)


def write_spondyl_model(
    folder: Path | str,
    networks: Mapping[Stage, nn.Module],
    recipe: SpondylRecipe,
    provenance: Mapping[str, Any],
    scores: Mapping[str, Any],
) -> Model:
    """Write trained networks as a model folder: safetensors, and ONNX checked against torch.

    Weights are rounded to half precision, in both files alike: half the size to ship, and far
    below what moves a result.
    """
    stages: dict[Stage, StageInfo] = {}
    with tempfile.TemporaryDirectory() as temporary:
        files: dict[str, Path] = {}
        for stage, network in networks.items():
            settings = recipe.stage(stage)
            weights, onnx = Path(temporary) / f"{stage}.safetensors", Path(temporary) / f"{stage}.onnx"
            rounded = deepcopy(network).cpu().eval().half()
            stride = 2 ** (len(settings.widths) - 1)
            shape = (1, len(recipe.hu_windows), 2 * stride, 3 * stride, 4 * stride)
            save_weights(rounded, weights)
            outputs = ("fine", "levels")[: 1 + settings.levels]
            export_onnx(rounded.float(), onnx, shape, outputs, half=True)
            verify_onnx(rounded, onnx, (1, shape[1], 3 * stride, 2 * stride, 5 * stride))
            files |= {weights.name: weights, onnx.name: onnx}
            stages[stage] = StageInfo(
                architecture=SpineUNet.describe(settings, len(recipe.hu_windows)),
                weights=weights.name,
                onnx=onnx.name,
            )
        info = ModelInfo(
            recipe=recipe.model_dump(mode="json"),
            stages=stages,
            labels=("background", *(NAMES[label] for label in sorted(NAMES))),
            spacing_mm=(recipe.identification.spacing_mm,) * 3,
            provenance=dict(provenance),
            scores=dict(scores),
        )
        return write_model(folder, info, files)


@torch.no_grad()
def _losses(
    network: nn.Module, cases: list[TrainingCase], recipe: SpondylRecipe, stage: Stage, patches: int = 64
) -> dict[str, float]:
    """Mean losses over unchanged patches of some cases."""
    still = recipe.model_copy(update={"augmentation": STILL})
    stream = PatchStream(cases, [1.0] * len(cases), still, stage, seed=0)
    network = network.cpu().eval()
    totals: dict[str, float] = {}
    for batch in DataLoader(stream, 1, sampler=range(patches), collate_fn=collate):
        _, parts = spine_loss(network(batch.image), batch, recipe.stage(stage))
        for name, value in parts.items():
            totals[name] = totals.get(name, 0.0) + value / patches
    return {name: round(value, 4) for name, value in totals.items()}
