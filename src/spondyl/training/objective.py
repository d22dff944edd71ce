"""What the networks of the ``spondyl`` recipe are asked to minimise."""

import torch
from torch import Tensor
from torch.nn import functional

from spondyl.anatomy import ORDER
from spondyl.recipes.spondyl import OFFSET_UNIT_MM, StageSettings
from spondyl.training.corpus import UNKNOWN
from spondyl.training.patches import Patch

__all__ = ["spine_loss"]

_HEAT_EMPHASIS = 20.0  # body centres fill a thousandth of a patch
_NEIGHBOUR_SHARE = 0.1


def spine_loss(
    outputs: tuple[Tensor, ...], batch: Patch, stage: StageSettings
) -> tuple[Tensor, dict[str, float]]:
    """Weighted sum of the parts a stage learns, and each part's value for the log.

    Args:
        outputs: Of :class:`~spondyl.networks.spine_unet.SpineUNet`, any float type.
        batch: Targets with a leading batch axis.
        stage: What is learnt.
    """
    fine = outputs[0].float()
    known = (batch.labels != UNKNOWN).float()
    parts = {"vertebra": _vertebra_loss(fine[:, 0], (batch.labels > 0).float(), known)}
    if stage.heat:
        parts["heat"] = _heat_loss(fine[:, 1], batch.heat)
    if stage.offsets:
        parts["offset"] = _offset_loss(fine[:, 2:5], batch)
    if stage.levels:
        parts["level"] = _level_loss(outputs[1].float(), batch.labels)
    total = torch.stack(list(parts.values())).sum() + (stage.vertebra_weight - 1) * parts["vertebra"]
    return total, {name: float(part.detach()) for name, part in parts.items()}


def _vertebra_loss(logits: Tensor, target: Tensor, known: Tensor) -> Tensor:
    """Cross-entropy plus one minus the Dice of the batch, over known voxels."""
    entropy = functional.binary_cross_entropy_with_logits(logits, target, reduction="none")
    chance = torch.sigmoid(logits) * known
    target = target * known
    dice = (2 * (chance * target).sum() + 100) / (chance.sum() + target.sum() + 100)
    return (entropy * known).sum() / known.sum().clamp(min=1) + 0.5 * (1 - dice)


def _heat_loss(logits: Tensor, heat: Tensor) -> Tensor:
    """Cross-entropy of the heat map, weighted by its height and by how wrong the answer is.

    No voxel is unknown here: every vertebra at least half inside the scan has its centre
    annotated, and no other shall be claimed.
    """
    claimed = torch.sigmoid(logits)
    weight = 1 + _HEAT_EMPHASIS * heat
    entropy = functional.binary_cross_entropy_with_logits(logits, heat, reduction="none")
    focus = (claimed.detach() - heat).abs()
    return (entropy * focus * weight).sum() / (2 * heat.sum() + 400)


def _offset_loss(offsets: Tensor, batch: Patch) -> Tensor:
    """Absolute error of the way to the centroid, in units of a centimetre, inside vertebrae that have one."""
    target = batch.offsets.float() / OFFSET_UNIT_MM
    inside = ((batch.labels > 0) & (batch.labels != UNKNOWN)).unsqueeze(1) & target.isfinite()
    error = (offsets - target.nan_to_num()).abs() * inside
    return error.sum() / (inside.sum() + 100)


def _soft_targets() -> Tensor:
    """``(28, 28)``: row per class (VerSe number minus one), a little chance for its neighbours.

    A level taken for its neighbour is a smaller error than one taken for a far one.
    """
    rows = torch.zeros(28, 28)
    for place, label in enumerate(ORDER):
        near = [ORDER[n] for n in (place - 1, place + 1) if 0 <= n < len(ORDER)]
        rows[label - 1, label - 1] = 1 - _NEIGHBOUR_SHARE
        for other in near:
            rows[label - 1, other - 1] = _NEIGHBOUR_SHARE / len(near)
    return rows


_SOFT = _soft_targets()


def _level_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """Cross-entropy of the level inside vertebrae, every vertebra counting the same."""
    coarse = labels[:, ::2, ::2, ::2]
    chosen = (coarse > 0) & (coarse != UNKNOWN)
    if not chosen.any():
        return logits.sum() * 0
    target = coarse[chosen].long()
    item = torch.nonzero(chosen)[:, 0]
    log_chance = functional.log_softmax(logits.permute(0, 2, 3, 4, 1)[chosen], dim=-1)
    loss = -(_SOFT.to(logits.device)[target - 1] * log_chance).sum(dim=-1)
    key = item * 32 + target
    count = torch.bincount(key, minlength=int(key.max()) + 1)
    weight = 1 / count[key].float()
    return (loss * weight).sum() / weight.sum()
