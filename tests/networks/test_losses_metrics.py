"""Losses and metrics against numbers worked out by hand, and against numpy written as Keras."""

import math

import numpy as np
import pytest
import torch

from spondyl.networks.losses import ignore_background, weighted_cross_entropy
from spondyl.networks.metrics import accuracy, dice, identification_rate, recall


def _probabilities(vertebra):
    vertebra = torch.tensor(vertebra, dtype=torch.float32)
    return torch.stack([1 - vertebra, vertebra], dim=1)


def test_weighted_cross_entropy_by_hand():
    p = _probabilities([[0.2, 0.5]])
    loss = weighted_cross_entropy(p, torch.tensor([[0, 1]], dtype=torch.uint8), (0.1, 0.9))
    expected = -(0.1 * math.log(0.8) + 0.9 * math.log(0.5)) / 2
    assert loss.item() == pytest.approx(expected, rel=1e-6)


def test_certain_and_wrong_is_finite():
    loss = weighted_cross_entropy(_probabilities([[0.0]]), torch.tensor([[1]]), (0.1, 0.9))
    assert loss.item() == pytest.approx(-0.9 * math.log(1e-7), rel=1e-4)


def test_ignore_background_by_hand():
    prediction = torch.tensor([[[7.0, 3.0, 9.5, 2.0]]])
    target = torch.tensor([[0, 4, 9, 0]], dtype=torch.uint8)
    assert ignore_background(prediction, target).item() == pytest.approx((1 + 0.5) / 2)


def test_nothing_labelled_costs_nothing():
    prediction = torch.ones(1, 1, 4, requires_grad=True)
    loss = ignore_background(prediction, torch.zeros(1, 4, dtype=torch.uint8))
    loss.backward()
    assert loss.item() == 0
    assert not prediction.grad.any()


def test_dice_is_taken_along_the_last_axis():
    p = _probabilities([[[0.5, 1.0], [0.0, 0.0]]])  # one sample, two lines of two voxels
    target = torch.tensor([[[0, 1], [0, 0]]])
    total, lines = dice(p, target)
    first = (2 * 1.0 + 1) / (1 + (0.25 + 1) + 1)
    assert lines.item() == 2
    assert total.item() == pytest.approx(first + 1)


def test_dice_as_keras_wrote_it():
    rng = np.random.default_rng(0)
    vertebra, true = rng.random((2, 3, 4, 5)), rng.integers(0, 2, (2, 3, 4, 5))
    total, lines = dice(_probabilities(vertebra), torch.from_numpy(true))
    keras = (2 * np.abs(true * vertebra).sum(-1) + 1) / ((true**2).sum(-1) + (vertebra**2).sum(-1) + 1)
    assert (total / lines).item() == pytest.approx(keras.mean(), rel=1e-5)


def test_recall_and_accuracy_by_hand():
    p = _probabilities([[0.9, 0.4, 0.8, 0.1]])
    target = torch.tensor([[1, 1, 0, 0]])
    assert [v.item() for v in recall(p, target, 1)] == [1, 2]
    assert [v.item() for v in recall(p, target, 0)] == [1, 2]
    assert [v.item() for v in accuracy(p, target)] == [2, 4]


def test_identification_rate_by_hand():
    prediction = torch.tensor([[[3.4, 3.6, 0.0, 8.0]]])
    target = torch.tensor([[3, 3, 0, 8]], dtype=torch.uint8)
    assert [v.item() for v in identification_rate(prediction, target)] == [2, 3]
