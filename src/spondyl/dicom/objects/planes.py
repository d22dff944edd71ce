"""A mask in the frames of the series it belongs to.

Pixel ``(row, column)`` of a frame lies at ``position_mm + row * down_mm + column * right_mm`` in
LPS+ mm (PS3.3 C.7.6.2.1.1).
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from pydicom import Dataset
from scipy import ndimage

from spondyl.errors import AnnotationError, ImageError
from spondyl.volume import Volume

__all__ = ["LPS", "Plane", "labels_on", "planes_of"]

logger = logging.getLogger(__name__)

FloatArray = npt.NDArray[np.float64]
LPS: Final = np.diag([-1.0, -1.0, 1.0])
"""To and from RAS."""

_EXACT_VOX: Final = 0.1  # a mask on the pixels of its series is no further off, rounded headers included


@dataclass(frozen=True, eq=False)
class Plane:
    """Where a frame lies.

    Attributes:
        source: Header of its image.
        frame: Its number, from 1; ``None`` in single-frame images.
        position_mm: Centre of its first pixel, LPS+ mm.
        right_mm: Step to the next column, LPS+ mm.
        down_mm: Step to the next row, LPS+ mm.
    """

    source: Dataset
    frame: int | None
    position_mm: FloatArray
    right_mm: FloatArray
    down_mm: FloatArray

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return int(self.source.Rows), int(self.source.Columns)

    def to_lps(self, rows_columns: npt.ArrayLike) -> FloatArray:
        """Pixel coordinates ``(n, 2)``, row then column, to LPS+ mm ``(n, 3)``."""
        pixels = np.asarray(rows_columns, float)
        return np.asarray(self.position_mm + pixels[:, :1] * self.down_mm + pixels[:, 1:] * self.right_mm)


def planes_of(sources: Sequence[Dataset]) -> list[Plane]:
    """The frames of a series, in the order given.

    Raises:
        ImageError: a header does not say where its image lies.
    """
    return [plane for source in sources for plane in _planes(source)]


def _planes(source: Dataset) -> list[Plane]:
    if "PerFrameFunctionalGroupsSequence" not in source:
        return [_plane(source, None, source, source, source)]
    (shared,) = source.SharedFunctionalGroupsSequence
    planes = []
    for number, own in enumerate(source.PerFrameFunctionalGroupsSequence, start=1):
        groups = (
            (own if f"{name}Sequence" in own else shared).get(f"{name}Sequence", [Dataset()])[0]
            for name in ("PlanePosition", "PlaneOrientation", "PixelMeasures")
        )
        planes.append(_plane(source, number, *groups))
    return planes


def _plane(source: Dataset, frame: int | None, place: Dataset, turn: Dataset, measures: Dataset) -> Plane:
    try:
        position = np.array(place.ImagePositionPatient, float).reshape(3)
        cosines = np.array(turn.ImageOrientationPatient, float).reshape(2, 3)
        between_rows, between_columns = map(float, measures.PixelSpacing)
    except (AttributeError, TypeError, ValueError) as error:
        raise ImageError(
            f"image {source.SOPInstanceUID}: lacks its position, orientation or pixel spacing"
        ) from error
    return Plane(source, frame, position, cosines[0] * between_columns, cosines[1] * between_rows)


def labels_on(planes: Sequence[Plane], mask: Volume) -> npt.NDArray[np.uint8]:
    """The label of every pixel: that of the voxel it lies in, 0 outside the mask.

    Pixels and voxels are the same where the scan was read as it is, and nothing changes. They are not
    where it had to be resampled to be read (gantry tilt), or where a slice is missing: then the series
    has no image to say it of.

    Args:
        planes: All of one size.
        mask: VerSe numbers, on a grid of any orientation.

    Returns:
        ``(planes, rows, columns)``.

    Raises:
        AnnotationError: voxels belong to vertebrae, but none of them lies in any image.
    """
    labels = np.zeros((len(planes), *planes[0].shape), np.uint8)
    boxes = ndimage.find_objects((mask.data != 0).astype(np.uint8))
    if not boxes:
        return labels
    box = [(side.start, side.stop) for side in boxes[0]]
    exact = [_sample(plane, mask, box, out) for plane, out in zip(planes, labels, strict=True)]
    if not labels.any():
        raise AnnotationError(
            "no image of the DICOM series shows a vertebra of the mask; is it another series?"
        )
    if not all(exact):
        logger.warning("the mask is not on the pixels of the DICOM series; each takes its nearest voxel")
    return labels


def _sample(plane: Plane, mask: Volume, box: list[tuple[int, int]], out: npt.NDArray[np.uint8]) -> bool:
    """Fill one frame, and say whether its pixels are voxels of the mask."""
    rows, columns = plane.shape
    to_voxel = mask.grid.inverse[:3, :3] @ LPS
    first = mask.grid.to_voxel(LPS @ plane.position_mm)
    down, right = to_voxel @ plane.down_mm, to_voxel @ plane.right_mm
    ends = [first + row * down + column * right for row in (0, rows - 1) for column in (0, columns - 1)]
    if any(
        max(end[axis] for end in ends) < start - 0.5 or min(end[axis] for end in ends) > stop - 0.5
        for axis, (start, stop) in enumerate(box)
    ):
        return True
    axes = [
        np.rint(first[axis] + np.arange(rows)[:, None] * down[axis] + np.arange(columns) * right[axis])
        for axis in range(3)
    ]
    inside = np.ones((rows, columns), bool)
    for places, size in zip(axes, mask.grid.shape, strict=True):
        inside &= (places >= 0) & (places < size)
    i, j, k = (places[inside].astype(np.intp) for places in axes)
    out[inside] = mask.data[i, j, k]
    return bool(np.abs(np.array(ends) - np.rint(ends)).max() < _EXACT_VOX)
