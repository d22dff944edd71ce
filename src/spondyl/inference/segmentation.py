"""From the working grid's evidence to a label map on the scan's own grid, slab by slab."""

from collections.abc import Sequence
from typing import Final

import cc3d
import numpy as np
import numpy.typing as npt
from scipy import ndimage
from scipy.spatial import cKDTree

from spondyl.inference.evidence import Evidence
from spondyl.volume import Grid, Volume

__all__ = ["segment"]

_SLAB_VOX: Final = 4_000_000  # voxels of the scan treated at once: bounds the memory
_FURTHEST_MM: Final = 16.0  # a voxel that points further from every centroid belongs to none of them
_SMALL_MM3: Final = 60.0

# The network sees 3 mm voxels, the scan knows better where bone ends: bright voxels are taken at a
# lower chance, and what is no tissue at all needs a high one. Found on phantoms, see the research log.
_BONE_HU: Final = 250.0
_BONE_LOGIT: Final = -3.0
_EMPTY_HU: Final = 0.0
_EMPTY_LOGIT: Final = 2.0


def segment(
    scan: Volume, evidence: Evidence, centroids_mm: npt.NDArray[np.float64], labels: Sequence[int]
) -> Volume:
    """An instance mask: every vertebra voxel gets the label of the centroid it points to.

    Args:
        scan: The scan on its own grid, HU.
        evidence: Of the networks.
        centroids_mm: ``(n, 3)`` RAS mm.
        labels: VerSe number of each.

    Returns:
        uint8 VerSe numbers on the scan's own grid.
    """
    mask = np.zeros_like(scan.data, np.uint8)  # laid out in memory as the scan, which the writer likes
    if not len(labels):
        return Volume(mask, scan.grid)
    start, stop = _region(evidence.grid, scan.grid)
    tree, table = cKDTree(centroids_mm), np.array(labels, np.uint8)
    axis = int(np.argmax(stop - start))
    per_slice = int(np.prod(np.delete(stop - start, axis)))
    thickness = max(1, _SLAB_VOX // max(per_slice, 1))
    for low in range(int(start[axis]), int(stop[axis]), thickness):
        first, last = start.copy(), stop.copy()
        first[axis], last[axis] = low, min(low + thickness, stop[axis])
        box = tuple(slice(a, b) for a, b in zip(first, last, strict=True))
        slab = scan.cropped(first.tolist(), last.tolist())
        mask[box] = _slab(slab, evidence, tree, table)
    _drop_islands(mask[tuple(slice(a, b) for a, b in zip(start, stop, strict=True))], scan.grid)
    return Volume(mask, scan.grid)


def _region(working: Grid, own: Grid) -> tuple[npt.NDArray[np.int_], npt.NDArray[np.int_]]:
    """The box of the scan's voxels that the working grid covers."""
    ends = np.array(np.meshgrid(*[(-0.5, n - 0.5) for n in working.shape])).reshape(3, -1).T
    corners = own.to_voxel(working.to_world(ends))
    start = np.clip(np.floor(corners.min(axis=0)).astype(int), 0, own.shape)
    stop = np.clip(np.ceil(corners.max(axis=0)).astype(int) + 1, start, own.shape)
    return start, stop


def _slab(
    slab: Volume, evidence: Evidence, tree: cKDTree, table: npt.NDArray[np.uint8]
) -> npt.NDArray[np.uint8]:
    """Labels of one slab of the scan."""
    grid, hu = slab.grid, slab.data
    logits = Volume(evidence.vertebra, evidence.grid).resampled(grid, fill=-10.0).data
    bone = (hu > _BONE_HU) & (logits > _BONE_LOGIT)
    tissue = (logits > 0) & ((hu > _EMPTY_HU) | (logits > _EMPTY_LOGIT))
    found = np.argwhere(bone | tissue)
    labels = np.zeros(grid.shape, np.uint8)
    if len(found):
        world = grid.to_world(found)
        where = evidence.grid.to_voxel(world).T
        ways = np.stack(
            [ndimage.map_coordinates(part, where, order=1, mode="nearest") for part in evidence.offsets_mm],
            axis=1,
        )
        directions = evidence.grid.affine[:3, :3] / np.array(evidence.grid.spacing_mm)
        distance, nearest = tree.query(world + ways @ directions.T, distance_upper_bound=_FURTHEST_MM)
        near = np.isfinite(distance)
        labels[tuple(found[near].T)] = table[nearest[near]]
    return labels


def _drop_islands(mask: npt.NDArray[np.uint8], grid: Grid) -> None:
    """Remove specks that hang together with nothing of their label; label by label, to stay small."""
    least = max(2, round(_SMALL_MM3 / float(np.prod(grid.spacing_mm))))
    for label, box in enumerate(ndimage.find_objects(mask), start=1):
        if box is not None:
            own = np.asfortranarray(mask[box] == label)
            mask[box][own & (cc3d.dust(own, threshold=least, connectivity=6) == 0)] = 0
