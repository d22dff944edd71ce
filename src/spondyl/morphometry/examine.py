"""One vertebra: what it shows, or why it shows nothing."""

from dataclasses import dataclass, replace
from typing import Final, Literal

from spondyl.anatomy import Region, label_of
from spondyl.morphometry import gates
from spondyl.morphometry.density import has_contrast, trabecular_hu
from spondyl.morphometry.endplates import Edge
from spondyl.morphometry.frame import FloatArray
from spondyl.morphometry.heights import Heights, body_heights
from spondyl.morphometry.result import Measurement
from spondyl.morphometry.sampling import Box, Sampler
from spondyl.morphometry.shape import Shape, find_shape
from spondyl.morphometry.volume import vertebra_volume
from spondyl.spine import Flag, Vertebra
from spondyl.volume import Volume

__all__ = ["Examined", "examine"]

_REACH_MM: Final = 40.0
_C1, _C2, _S1, _S2 = (label_of(name) for name in ("C1", "C2", "S1", "S2"))


@dataclass(frozen=True, eq=False)
class Examined:
    """What one vertebra shows.

    Attributes:
        reason: Why there are no heights; ``None`` when there are.
        shape: ``None`` unless a body was found that lies whole in the image.
        heights: Of the body.
        density: Of its spongy bone; ``None`` when it was not looked for.
        volume: Of the whole vertebra.
        contrast: Bright vessels before it.
    """

    reason: Flag | None
    shape: Shape | None = None
    heights: Heights | None = None
    density: Measurement | None = None
    volume: Measurement | None = None
    contrast: bool = False

    def without(self, side: Literal["lower", "upper"]) -> "Examined":
        """The same without an endplate that turned out to be another vertebra's."""
        if self.shape is None:
            return self
        shape = replace(self.shape, lower=None) if side == "lower" else replace(self.shape, upper=None)
        return replace(self, reason=self.reason or gates.NO_CORNERS, shape=shape, heights=None)


def examine(
    volume: Volume,
    mask: Volume | None,
    box: Box | None,
    vertebra: Vertebra,
    direction: FloatArray,
    edge: Edge,
) -> Examined:
    """Examine one vertebra.

    Args:
        volume: The scan in HU.
        mask: VerSe numbers on its grid.
        box: Where in the mask the vertebra is; ``None`` when it is nowhere.
        vertebra: Its label, centroid and probability.
        direction: The spine's direction there, towards the head.
        edge: What places endplates.
    """
    if mask is None or box is None or not volume.grid.contains(vertebra.centroid_mm):
        return Examined(gates.NO_MASK)
    sampler = Sampler(volume, mask, vertebra.label, vertebra.centroid_mm, _REACH_MM, box)
    size = vertebra_volume(sampler)
    reason = _unfit(vertebra, sampler)
    if reason is not None:
        return Examined(reason, volume=size)
    shape = find_shape(sampler, vertebra.centroid_mm, direction, edge)
    if shape is None:
        return Examined(gates.not_found(vertebra), volume=size)
    density, contrast = None, False
    if vertebra.label not in (_C2, _S1):
        density = trabecular_hu(sampler, shape)
        if vertebra.region is Region.LUMBAR:
            contrast = has_contrast(volume, shape)
    reason = gates.partly_visible(shape) or gates.thick_slices(shape)
    if reason is not None:
        return Examined(reason, None, None, density, size, contrast)
    heights = body_heights(shape)
    if heights is None:
        reason = gates.NO_BODY if vertebra.label in (_C2, _S1) else gates.NO_CORNERS
    return Examined(reason, shape, heights, density, size, contrast)


def _unfit(vertebra: Vertebra, sampler: Sampler) -> Flag | None:
    """Why a vertebra is not even looked at."""
    if vertebra.label in (_C1, _S2):
        return gates.NO_BODY
    return gates.improbable(vertebra) or (gates.implant(vertebra) if gates.has_implant(sampler) else None)
