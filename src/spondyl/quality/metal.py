"""Screws, rods, cages and bone cement at the spine."""

from collections.abc import Iterator
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from spondyl.flag import Flag
from spondyl.label_boxes import label_boxes
from spondyl.quality.finding import Finding
from spondyl.resampling import block_means
from spondyl.spine import Spine
from spondyl.volume import Volume

__all__ = ["METAL_HU", "check_metal", "metal_near"]

METAL_HU: Final = 2000.0
"""Above bone; metal and bone cement lie beyond, and so does enamel, which is not near a vertebra."""

_LEAST_MM3: Final = 30.0
_REACH_MM: Final = 5.0
_BLOCK_MM: Final = 1.0

_IMPLANT: Final = Flag("implant", "There is metal or bone cement in it or beside it.")


def check_metal(spine: Spine, volume: Volume) -> Iterator[Finding]:
    """Vertebrae with more than 30 mm3 above 2000 HU in them or within 5 mm."""
    if spine.mask is None:
        return
    spacing = volume.grid.spacing_mm
    margin = np.ceil(_REACH_MM / np.array(spacing)).astype(int)
    boxes = label_boxes(spine.mask.data, max(spine.labels, default=1))
    for label in spine.labels:
        box = boxes[label - 1]
        if box is None:
            continue
        part = tuple(
            slice(max(b.start - m, 0), b.stop + m) for b, m in zip(box, margin.tolist(), strict=True)
        )
        metal = volume.data[part] > METAL_HU
        if metal.any() and metal_near(metal, spine.mask.data[part] == label, spacing):
            yield Finding(_IMPLANT, label)


def metal_near(
    metal: npt.NDArray[np.bool_], bone: npt.NDArray[np.bool_], spacing_mm: tuple[float, float, float]
) -> bool:
    """Whether enough metal lies in a bone or near it; arrays of one shape.

    Voxels of half a millimetre and less are looked at in blocks of up to 1 mm: distances of a fine scan would
    take gigabytes.
    """
    if metal.sum() * np.prod(spacing_mm) < _LEAST_MM3:
        return False
    i, j, k = (max(1, int(_BLOCK_MM / step + 1e-6)) for step in spacing_mm)
    share, bone_share = (block_means(part.view(np.uint8), (i, j, k)) for part in (metal, bone))
    block_mm = np.array(spacing_mm) * (i, j, k)
    near = ndimage.distance_transform_edt(bone_share == 0, block_mm) <= _REACH_MM
    return bool(share[near].sum() * np.prod(block_mm) >= _LEAST_MM3)
