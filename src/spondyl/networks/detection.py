"""Stage 1 of the reference: which voxels are vertebra?"""

from torch import Tensor, nn

from spondyl.networks.unet import SameConvolution, UNet, initialise

__all__ = ["DetectionUNet"]


class DetectionUNet(nn.Module):
    """3-D U-Net with a softmax over background and vertebra.

    Args:
        width: Channels of the first level (reference: 16).
        batch_norm_momentum: As in Keras.
        missing_activation: See :class:`spondyl.networks.unet.UNet`.
    """

    def __init__(
        self, width: int = 16, batch_norm_momentum: float = 0.1, *, missing_activation: bool = False
    ) -> None:
        super().__init__()
        kernel = (3, 3, 3)
        self.body = UNet(
            1, width, kernel, kernel, momentum=batch_norm_momentum, missing_activation=missing_activation
        )
        self.head = SameConvolution(width, 2, kernel)
        initialise(self)

    def forward(self, x: Tensor) -> Tensor:
        """Probabilities.

        Args:
            x: ``(n, 1, x, y, z)`` normalised intensities; sizes are multiples of 16.

        Returns:
            ``(n, 2, x, y, z)`` float32, background and vertebra, summing to 1.
        """
        result: Tensor = self.head(self.body(x)).float().softmax(dim=1)
        return result
