"""Metrics of the reference. Each gives a numerator and a denominator, to be summed over an epoch.

Keras averaged the metric of each batch; summing first gives the same where the denominators are
equal, and is right where they are not.
"""

import torch
from torch import Tensor

__all__ = ["accuracy", "dice", "identification_rate", "recall"]

Fraction = tuple[Tensor, Tensor]


def dice(probabilities: Tensor, target: Tensor, label: int = 1, smooth: float = 1.0) -> Fraction:
    """Soft Dice of one class along each line of the last axis, summed, and the number of lines.

    ``(2 sum(tp) + smooth) / (sum(t^2) + sum(p^2) + smooth)`` per line. A line without the class
    and without its prediction counts 1, so the mean is far above a volume's Dice.

    Args:
        probabilities: ``(n, classes, *spatial)``.
        target: ``(n, *spatial)`` class numbers.
        label: The class.
        smooth: Keeps empty lines defined.
    """
    predicted = probabilities[:, label]
    true = (target == label).to(predicted.dtype)
    shared = (true * predicted).sum(-1)
    lines = (2 * shared + smooth) / (true.square().sum(-1) + predicted.square().sum(-1) + smooth)
    return lines.sum(), torch.tensor(float(lines.numel()), device=lines.device)


def recall(probabilities: Tensor, target: Tensor, label: int) -> Fraction:
    """Voxels of a class that were found (probability rounds to 1), and all voxels of it."""
    true = target == label
    found = true & (probabilities[:, label].round() == 1)
    return found.sum().float(), true.sum().float()


def accuracy(probabilities: Tensor, target: Tensor) -> Fraction:
    """Voxels whose most likely class is right, and all voxels."""
    right = probabilities.argmax(1) == target
    return right.sum().float(), torch.tensor(float(right.numel()), device=right.device)


def identification_rate(prediction: Tensor, target: Tensor) -> Fraction:
    """Labelled pixels whose rounded output is the right label, and all labelled pixels.

    Args:
        prediction: ``(n, 1, *spatial)`` label numbers.
        target: ``(n, *spatial)`` label numbers, 0 = background.
    """
    labelled = target > 0
    right = (prediction.squeeze(1).round() == target) & labelled
    return right.sum().float(), labelled.sum().float()
