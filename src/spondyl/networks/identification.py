"""Stage 2 of the reference: which level is each pixel of a sagittal slice?"""

from collections.abc import Sequence

from torch import Tensor, nn

from spondyl.networks.unet import SameConvolution, UNet, initialise

__all__ = ["IdentificationUNet"]


class IdentificationUNet(nn.Module):
    """2-D U-Net whose one ReLU output is the number of the label, as a regression.

    The long kernel of its lowest level, 5 x 20 at 16 mm, sees the whole height of a spine.

    Args:
        width: Channels of the first level (reference: 32).
        slices: Sagittal slices of a slab, the input channels.
        floor_kernel: Kernel of the lowest level along y and z.
        batch_norm_momentum: As in Keras.
        missing_activation: See :class:`spondyl.networks.unet.UNet`; the original lacks it.
    """

    def __init__(
        self,
        width: int = 32,
        slices: int = 8,
        floor_kernel: Sequence[int] = (5, 20),
        batch_norm_momentum: float = 0.1,
        *,
        missing_activation: bool = True,
    ) -> None:
        super().__init__()
        self.body = UNet(
            slices,
            width,
            (3, 3),
            tuple(floor_kernel),
            momentum=batch_norm_momentum,
            missing_activation=missing_activation,
        )
        self.head = SameConvolution(width, 1, (1, 1))
        initialise(self)

    def forward(self, x: Tensor) -> Tensor:
        """Label numbers, not rounded.

        Args:
            x: ``(n, slices, y, z)`` normalised intensities; sizes are multiples of 16.

        Returns:
            ``(n, 1, y, z)`` float32, 0 and above.
        """
        result: Tensor = self.head(self.body(x)).float().relu()
        return result
