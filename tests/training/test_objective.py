"""The losses of the default recipe."""

import pytest
import torch

from spondyl.recipes.spondyl import SpondylRecipe
from spondyl.training.corpus import UNKNOWN
from spondyl.training.objective import spine_loss
from spondyl.training.patches import Patch

STAGE = SpondylRecipe().identification


def batch() -> Patch:
    labels = torch.zeros(1, 8, 8, 8, dtype=torch.uint8)
    labels[0, 2:6, 2:6, 2:6] = 20
    labels[0, 6:, :, :] = UNKNOWN
    heat = torch.zeros(1, 8, 8, 8)
    heat[0, 3, 3, 3] = 1.0
    offsets = torch.zeros(1, 3, 8, 8, 8, dtype=torch.float16)
    offsets[0, 0, 2:6, 2:6, 2:6] = 10.0
    return Patch(torch.zeros(1, 2, 8, 8, 8), labels, heat, offsets)


def perfect(target: Patch, level: int = 20) -> tuple[torch.Tensor, torch.Tensor]:
    vertebra = torch.where(target.labels == 20, 12.0, -12.0)
    heat = torch.logit(target.heat, eps=1e-5)
    offsets = target.offsets.float() / 10
    fine = torch.cat([vertebra[:, None], heat[:, None], offsets], dim=1)
    levels = torch.full((1, 28, 4, 4, 4), 0.0)
    levels[:, level - 1] = 6.0
    return fine, levels


def test_the_right_answer_costs_next_to_nothing():
    target = batch()
    _, parts = spine_loss(perfect(target), target, STAGE)
    assert parts["vertebra"] < 0.01
    assert parts["heat"] < 0.01
    assert parts["offset"] == pytest.approx(0, abs=1e-6)
    assert parts["level"] < 1.2  # a tenth of the chance belongs to the neighbours


def test_far_levels_cost_more_than_the_neighbour():
    target = batch()
    right, near, far = (
        spine_loss(perfect(target, level), target, STAGE)[1]["level"] for level in (20, 21, 8)
    )
    assert right < near < far


def test_unknown_voxels_do_not_count_as_vertebra_or_background():
    target = batch()
    fine, levels = perfect(target)
    changed = fine.clone()
    changed[:, 0, 6:] = 7.0
    assert spine_loss((fine, levels), target, STAGE)[1] == spine_loss((changed, levels), target, STAGE)[1]


def test_a_way_that_is_not_known_costs_nothing_and_teaches_nothing():
    target = batch()
    fine, levels = perfect(target)
    target.offsets[:, :, 2:4] = torch.nan
    fine[:, 2:5, 2:4] = 5.0
    fine.requires_grad_()
    loss, parts = spine_loss((fine, levels), target, STAGE)
    assert parts["offset"] == pytest.approx(0, abs=1e-6)
    loss.backward()
    assert fine.grad[:, 2:5, 2:4].abs().max() == 0
    assert fine.grad.isfinite().all()


def test_an_invented_centre_costs_even_where_labels_are_unknown():
    target = batch()
    fine, levels = perfect(target)
    invented = fine.clone()
    invented[:, 1, 7, 7, 7] = 4.0
    assert (
        spine_loss((invented, levels), target, STAGE)[1]["heat"]
        > spine_loss((fine, levels), target, STAGE)[1]["heat"]
    )


def test_an_offset_wrong_by_a_centimetre_on_one_axis_costs_a_third():
    target = batch()
    fine, levels = perfect(target)
    fine = fine.clone()
    fine[:, 3] += 1.0
    inside = (target.labels == 20).sum()
    expected = float(inside / (3 * inside + 100))
    assert spine_loss((fine, levels), target, STAGE)[1]["offset"] == pytest.approx(expected, rel=1e-5)


def test_a_patch_without_vertebrae_still_has_a_gradient():
    target = batch()
    empty = Patch(
        target.image, torch.zeros_like(target.labels), torch.zeros_like(target.heat), target.offsets
    )
    fine = torch.zeros(1, 5, 8, 8, 8, requires_grad=True)
    levels = torch.zeros(1, 28, 4, 4, 4, requires_grad=True)
    total, _ = spine_loss((fine, levels), empty, STAGE)
    total.backward()
    assert torch.isfinite(total)
    assert fine.grad.abs().sum() > 0


def test_a_stage_without_heat_does_not_learn_it_and_weighs_vertebrae():
    target = batch()
    fine, _ = perfect(target)
    drawing = SpondylRecipe().segmentation
    wrong = fine.clone()
    wrong[:, 1] = 9.0
    total, parts = spine_loss((wrong,), target, drawing)
    assert set(parts) == {"vertebra", "offset"}
    assert float(total) == pytest.approx(drawing.vertebra_weight * parts["vertebra"] + parts["offset"])
    assert drawing.vertebra_weight == 3
    assert total < 0.05
