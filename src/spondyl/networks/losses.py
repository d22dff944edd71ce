"""Losses of the reference, computed on the networks' outputs as Keras did."""

from collections.abc import Sequence

import torch
from torch import Tensor

__all__ = ["ignore_background", "weighted_cross_entropy"]

_KERAS_EPSILON = 1e-7


def weighted_cross_entropy(probabilities: Tensor, target: Tensor, weights: Sequence[float]) -> Tensor:
    """Mean over all voxels of ``-weight[class] * log(probability of the true class)``.

    The mean is not divided by the sum of the weights, unlike torch's own.

    Args:
        probabilities: ``(n, classes, *spatial)``.
        target: ``(n, *spatial)`` class numbers, any integer type.
        weights: One per class.

    Returns:
        A scalar.
    """
    index = target.long()
    chosen = probabilities.gather(1, index.unsqueeze(1)).squeeze(1)
    chosen = chosen.clamp(_KERAS_EPSILON, 1 - _KERAS_EPSILON)
    weight = torch.tensor(weights, dtype=chosen.dtype, device=chosen.device)[index]
    return -(weight * chosen.log()).mean()


def ignore_background(prediction: Tensor, target: Tensor) -> Tensor:
    """Mean absolute error over the labelled pixels only.

    Args:
        prediction: ``(n, 1, *spatial)`` label numbers.
        target: ``(n, *spatial)`` label numbers, 0 = background.

    Returns:
        A scalar; 0 (with a gradient of 0) where nothing is labelled, where Keras gave NaN.
    """
    wanted = target.to(prediction.dtype)
    labelled = wanted.clamp(max=1)
    error = (prediction.squeeze(1) - wanted).abs() * labelled
    return error.sum() / labelled.sum().clamp(min=1)
