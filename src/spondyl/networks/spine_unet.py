"""The network of the ``spondyl`` recipe: one small 3-D U-Net with several answers per voxel.

Both stages use it. The full-resolution head answers *is this vertebra*, *is this the centre of a
vertebral body* and, where asked, *where is the centroid of the vertebra this voxel belongs to*;
the half-resolution head answers *which level*. Levels need context rather than detail, so their
28 channels are never made at full resolution.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from spondyl.errors import ModelError
from spondyl.recipes.spondyl import StageSettings

__all__ = ["SpineUNet"]


def _conv(inputs: int, outputs: int, stride: int = 1) -> nn.Sequential:
    """A 3-kernel convolution, batch normalisation and ReLU."""
    # Batch rather than instance normalisation: at inference the region has another size than the
    # training patch, and statistics of the region would change with the field of view.
    return nn.Sequential(
        nn.Conv3d(inputs, outputs, 3, stride=stride, padding=1, bias=False),
        nn.BatchNorm3d(outputs, momentum=0.05),
        nn.ReLU(inplace=True),
    )


class SpineUNet(nn.Module):
    """A U-Net whose first level is thin, so that most work happens at half resolution and below.

    Args:
        widths: Channels per level; each level has half the resolution of the one before.
        inputs: Input channels.
        fine: Channels of the full-resolution head.
        levels: Channels of the half-resolution head; 0 leaves it out.

    Raises:
        ModelError: fewer than three levels.
    """

    def __init__(self, widths: Sequence[int], inputs: int = 2, fine: int = 2, levels: int = 0) -> None:
        super().__init__()
        if len(widths) < 3:
            raise ModelError(f"a SpineUNet needs at least three levels, found widths {list(widths)}")
        self.stride = 2 ** (len(widths) - 1)
        self.stem = _conv(inputs, widths[0])
        self.down = nn.ModuleList(
            nn.Sequential(_conv(a, b, stride=2), _conv(b, b)) for a, b in pairwise(widths)
        )
        self.reduce = nn.ModuleList(nn.Conv3d(b, a, 1) for a, b in pairwise(widths))
        self.up = nn.ModuleList(
            _conv(2 * a, a) if place == 0 else nn.Sequential(_conv(2 * a, a), _conv(a, a))
            for place, a in enumerate(widths[:-1])
        )
        self.fine = nn.Conv3d(widths[0], fine, 1)
        self.level = nn.Conv3d(widths[1], levels, 1) if levels else None
        # Vertebrae are few and their centres fewer: start from "no" instead of unlearning "maybe".
        with torch.no_grad():
            self.fine.bias[:2] = torch.tensor([-2.0, -5.0])  # type: ignore[index]

    @staticmethod
    def describe(settings: StageSettings, inputs: int) -> dict[str, Any]:
        """Name and arguments of a stage's network, as ``model.json`` keeps them."""
        return {
            "name": "SpineUNet",
            "widths": list(settings.widths),
            "inputs": inputs,
            "fine": 5 if settings.offsets else 2,
            "levels": 28 if settings.levels else 0,
        }

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Logits for ``(N, inputs, X, Y, Z)``, X, Y and Z multiples of :attr:`stride`.

        Returns:
            ``(N, fine, X, Y, Z)`` and, with a level head, ``(N, levels, X/2, Y/2, Z/2)``.
        """
        features = [self.stem(x)]
        for down in self.down:
            features.append(down(features[-1]))
        y = features.pop()
        coarse: list[Tensor] = []
        for place in reversed(range(len(self.up))):
            y = functional.interpolate(self.reduce[place](y), scale_factor=2.0, mode="nearest")
            y = self.up[place](torch.cat([y, features.pop()], dim=1))
            if place == 1 and self.level is not None:
                coarse.append(self.level(y))
        return (self.fine(y), *coarse)
