"""The part of a scan that surrounds its spine."""

import numpy as np

from spondyl.spine import Spine
from spondyl.volume import Volume

__all__ = ["around_spine"]


def around_spine(spine: Spine, volume: Volume, margin_mm: float) -> Volume:
    """The scan within a margin of the centroids, axes towards right, front and head; a view.

    Args:
        spine: At least one vertebra.
        volume: The scan, any orientation.
        margin_mm: To all sides.
    """
    turned = volume.reoriented("RAS")
    points = turned.grid.to_voxel(spine.centroids_mm)
    margin = margin_mm / np.array(turned.grid.spacing_mm)
    last = np.array(turned.grid.shape)
    start = np.clip(np.floor(points.min(axis=0) - margin), 0, last - 1).astype(int)
    stop = np.clip(np.ceil(points.max(axis=0) + margin) + 1, start + 1, last).astype(int)
    return turned.cropped(start.tolist(), stop.tolist())
