"""From what the networks say to a label map on the scan's own grid, piece by piece.

Which voxel is vertebra, the identification stage says at 3 mm, or a segmentation network that looks
once more at the spine's region, finely. Either says which vertebra it belongs to, too: a voxel gets
the label of the centroid it points to.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import cc3d
import numpy as np
import numpy.typing as npt
from scipy.spatial import cKDTree

from spondyl.inference.evidence import Evidence
from spondyl.inference.ways import Ways
from spondyl.label_boxes import label_boxes
from spondyl.volume import Grid, Volume

__all__ = ["Piece", "segment", "whole_piece"]

_SLAB_VOX: Final = 4_000_000  # voxels of the scan treated at once: bounds the memory
_FURTHEST_MM: Final = 16.0  # a voxel that points further from every centroid belongs to none of them
_SMALL_MM3: Final = 60.0
_HOLE_MM3: Final = 400.0  # marrow; the spinal canal is open at both ends and no hole
_ROUNDING_VOX: Final = 1e-6

# The network sees voxels of 1.5 or 3 mm, the scan knows better where bone ends: bright voxels are taken
# at a lower chance, and what is no tissue at all needs a high one. Found on phantoms, see the research log.
_BONE_HU: Final = 250.0
_COARSE_BONE_LOGIT: Final = -3.0  # thin bone is lost in 3 mm voxels
_EMPTY_HU: Final = 0.0
_EMPTY_LOGIT: Final = 2.0


@dataclass(frozen=True, eq=False)
class Piece:
    """Where a network sees vertebra, and the part of its map that is to be used.

    Attributes:
        vertebra: float32 logits.
        ways: From each voxel to the centroid of its vertebra.
        core: Range along the third axis, in voxels; the rest is only context.
        bone_logit: From here on a bright voxel is taken.
    """

    vertebra: Volume
    ways: Ways
    core: tuple[int, int]
    bone_logit: float = 0.0


def whole_piece(evidence: Evidence) -> Piece:
    """The identification stage's own answer, for models without a segmentation network."""
    logits = Volume(evidence.vertebra, evidence.grid)
    return Piece(logits, evidence.ways, (0, logits.grid.shape[2]), _COARSE_BONE_LOGIT)


def segment(
    scan: Volume,
    pieces: Iterable[Piece],
    centroids_mm: npt.NDArray[np.float64],
    labels: Sequence[int],
) -> Volume:
    """An instance mask: every vertebra voxel gets the label of the centroid it points to.

    Args:
        scan: HU, axes in the order and direction of the pieces' grids (RAS).
        pieces: Along the third axis, one after another.
        centroids_mm: ``(n, 3)`` RAS mm.
        labels: VerSe number of each.

    Returns:
        uint8 VerSe numbers on the grid of ``scan``.
    """
    mask = _empty_mask(scan.data)
    if not len(labels):
        return Volume(mask, scan.grid)
    tree, table = cKDTree(centroids_mm), np.array(labels, np.uint8)
    lowest, highest = np.array(scan.grid.shape), np.zeros(3, int)
    for piece in pieces:
        start, stop = _region(piece, scan.grid)
        lowest, highest = np.minimum(lowest, start), np.maximum(highest, stop)
        per_slice = int(np.prod((stop - start)[:2]))
        thickness = max(1, _SLAB_VOX // max(per_slice, 1))
        for low in range(int(start[2]), int(stop[2]), thickness):
            first = [int(start[0]), int(start[1]), low]
            last = [int(stop[0]), int(stop[1]), min(low + thickness, int(stop[2]))]
            box = tuple(slice(a, b) for a, b in zip(first, last, strict=True))
            mask[box] = _slab(scan.cropped(first, last), piece, tree, table)
    _clean(mask[tuple(slice(a, b) for a, b in zip(lowest, highest, strict=True))], scan.grid)
    return Volume(mask, scan.grid)


def _empty_mask(data: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    """Zeros in the scan's order in memory, which the writer likes; what is never written takes no memory."""
    axes = np.argsort([-abs(stride) for stride in data.strides], kind="stable")
    return np.zeros([data.shape[axis] for axis in axes], np.uint8).transpose(np.argsort(axes))


def _region(piece: Piece, own: Grid) -> tuple[npt.NDArray[np.int_], npt.NDArray[np.int_]]:
    """The box of the scan's voxels whose centres lie in the piece's core."""
    grid = piece.vertebra.grid
    shape = grid.shape
    low, high = (-0.5, -0.5, piece.core[0] - 0.5), (shape[0] - 0.5, shape[1] - 0.5, piece.core[1] - 0.5)
    # A slice right between two cores belongs to the upper one, however both are rounded.
    corners = own.to_voxel(grid.to_world(np.array([low, high]))) - _ROUNDING_VOX
    start = np.clip(np.ceil(corners.min(axis=0)).astype(int), 0, own.shape)
    stop = np.clip(np.ceil(corners.max(axis=0)).astype(int), start, own.shape)
    return start, stop


def _slab(slab: Volume, piece: Piece, tree: cKDTree, table: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Labels of one slab of the scan."""
    grid, hu = slab.grid, slab.data
    logits = piece.vertebra.resampled(grid, fill=-10.0).data
    bone = (hu > _BONE_HU) & (logits > piece.bone_logit)
    tissue = (logits > 0) & ((hu > _EMPTY_HU) | (logits > _EMPTY_LOGIT))
    found = np.argwhere(bone | tissue)
    labels = np.zeros(grid.shape, np.uint8)
    if len(found):
        aims = piece.ways.aims(grid.to_world(found))
        distance, nearest = tree.query(aims, distance_upper_bound=_FURTHEST_MM)
        near = np.isfinite(distance)
        labels[tuple(found[near].T)] = table[nearest[near]]
    return labels


def _clean(mask: npt.NDArray[np.uint8], grid: Grid) -> None:
    """Remove specks that hang together with nothing of their label, and fill holes inside one.

    Label by label, so that the work stays small however large the mask is.
    """
    volume_mm3 = float(np.prod(grid.spacing_mm))
    least, most = max(2, round(_SMALL_MM3 / volume_mm3)), round(_HOLE_MM3 / volume_mm3)
    for label, box in enumerate(label_boxes(mask), start=1):
        if box is None:
            continue
        part = mask[box]
        own = np.asfortranarray(part == label)
        kept = cc3d.dust(own, threshold=least, connectivity=6)
        part[own & ~kept] = 0
        holes = np.pad(~kept, 1, constant_values=True)  # what lies outside hangs together around the box
        inner = holes & ~cc3d.dust(holes, threshold=most, connectivity=6)
        part[inner[1:-1, 1:-1, 1:-1] & (part == 0)] = label
