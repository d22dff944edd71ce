"""The U-Net both stages of the reference share, in two or three dimensions.

Ronneberger et al. 2015; Cicek et al. 2016. Four poolings, two convolutions per level, each followed
by batch normalisation and ReLU, nearest-neighbour upsampling, concatenated skips. Where the
reference leaves something to Keras, its defaults are kept: Glorot-uniform weights, zero biases,
batch-normalisation epsilon 1e-3.
"""

from collections.abc import Sequence
from typing import Any, Final

import torch
from torch import Tensor, nn
from torch.nn import functional

__all__ = ["UNet", "initialise"]

_CONVOLUTION: Final[dict[int, Any]] = {2: nn.Conv2d, 3: nn.Conv3d}
_BATCH_NORM: Final[dict[int, Any]] = {2: nn.BatchNorm2d, 3: nn.BatchNorm3d}
_POOL: Final[dict[int, Any]] = {2: nn.MaxPool2d, 3: nn.MaxPool3d}


class SameConvolution(nn.Module):
    """A convolution that keeps the size; an even kernel pads one more behind, as in Keras."""

    def __init__(self, inputs: int, outputs: int, kernel: Sequence[int]) -> None:
        super().__init__()
        self.convolution = _CONVOLUTION[len(kernel)](
            inputs, outputs, tuple(kernel), padding=tuple((k - 1) // 2 for k in kernel)
        )
        self.extra = [pad for k in reversed(kernel) for pad in (0, (k - 1) % 2)]

    def forward(self, x: Tensor) -> Tensor:
        if any(self.extra):
            x = functional.pad(x, self.extra)
        result: Tensor = self.convolution(x)
        return result


class UNet(nn.Module):
    """The body: from an image to ``width`` feature maps of the same size.

    Args:
        inputs: Channels of the input.
        width: Channels of the first level.
        kernel: Of all convolutions but the lowest level's; its length is the number of axes.
        floor_kernel: Of the lowest level.
        momentum: Of the batch normalisation, as Keras means it: the share of the old statistics
            kept at each step (torch means the share of the new).
        missing_activation: Leave out the first ReLU of the fourth level down.
    """

    def __init__(
        self,
        inputs: int,
        width: int,
        kernel: Sequence[int],
        floor_kernel: Sequence[int],
        *,
        momentum: float = 0.1,
        missing_activation: bool = False,
    ) -> None:
        super().__init__()
        self._momentum = momentum
        widths = [width * 2**level for level in range(5)]
        before = [inputs, *widths[:3]]
        self.down = nn.ModuleList(
            self._level(a, b, kernel, first_activation=not (missing_activation and level == 3))
            for level, (a, b) in enumerate(zip(before, widths[:4], strict=True))
        )
        self.floor = self._level(widths[3], widths[4], floor_kernel)
        self.up = nn.ModuleList(
            self._level(widths[level] + widths[level + 1], widths[level], kernel) for level in (3, 2, 1, 0)
        )
        self.pool = _POOL[len(kernel)](2)
        self.upsample = nn.Upsample(scale_factor=2.0, mode="nearest")

    def _level(
        self, inputs: int, outputs: int, kernel: Sequence[int], *, first_activation: bool = True
    ) -> nn.Sequential:
        """Two convolutions, each with batch normalisation and activation."""
        layers: list[nn.Module] = []
        for before, active in ((inputs, first_activation), (outputs, True)):
            norm = _BATCH_NORM[len(kernel)](outputs, eps=1e-3, momentum=1 - self._momentum)
            layers += [SameConvolution(before, outputs, kernel), norm]
            layers += [nn.ReLU()] if active else []
        return nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        """``(n, inputs, *spatial)`` to ``(n, width, *spatial)``, axes multiples of 16."""
        skips = []
        for level in self.down:
            x = level(x)
            skips.append(x)
            x = self.pool(x)
        x = self.floor(x)
        for level, skip in zip(self.up, reversed(skips), strict=True):
            x = level(torch.cat([skip, self.upsample(x)], dim=1))
        return x


def initialise(network: nn.Module) -> None:
    """Weights as Keras draws them: Glorot-uniform, biases zero."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.Conv3d):
            nn.init.xavier_uniform_(module.weight)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
