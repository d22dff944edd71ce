"""Leaving out vertebrae at the ends of the spine that the border of the scan cuts by half or more.

A cut vertebra shows its network a body whose middle is nearer than it really is, so the predicted
centroid alone does not tell. The neighbours tell where it should be: a step further along the spine.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np
import numpy.typing as npt

from spondyl.decoding.anatomical import Candidate, DecodedSpine
from spondyl.spine import Numbering
from spondyl.statistics import spine_statistics
from spondyl.volume import Grid

__all__ = ["border_mm", "trim_ends"]

FloatArray = npt.NDArray[np.float64]

# Found on scans the networks never saw and on phantoms, see the research log.
_NEAR_MM: Final = 14.0
_INSIDE_MM: Final = 2.5
_PRESENT: Final = 0.3


def trim_ends(decoded: DecodedSpine, candidates: Sequence[Candidate], grid: Grid) -> DecodedSpine:
    """Leave out the first and the last vertebra if they lie half outside the scan, or are hardly seen.

    Fewer than four vertebrae are left as they are: they do not tell how long a step is.

    Args:
        decoded: The numbered spine.
        candidates: Those it was chosen from.
        grid: Of the scan.
    """
    if len(decoded.chosen) < 4:
        return decoded
    points = np.array([candidates[i].centroid_mm for i in decoded.chosen])
    presence = [candidates[i].presence for i in decoded.chosen]
    labels = decoded.labels
    first = int(_is_cut(points[:3], presence[0], _step_mm(points, labels, 0), grid) and labels[0] != 1)
    last = len(labels) - int(_is_cut(points[:-4:-1], presence[-1], _step_mm(points, labels, -2), grid))
    kept = slice(first, last)
    return replace(
        decoded,
        chosen=decoded.chosen[kept],
        labels=labels[kept],
        probabilities=decoded.probabilities[kept],
        alternatives=_distinct(decoded, kept),
    )


def border_mm(point: FloatArray, grid: Grid) -> float:
    """Distance from a point (RAS mm) to the nearest face of the scan, negative outside."""
    voxel = grid.to_voxel(point)
    return float((np.minimum(voxel + 0.5, np.array(grid.shape) - 0.5 - voxel) * grid.spacing_mm).min())


def _is_cut(ends: FloatArray, presence: float, step_mm: float, grid: Grid) -> bool:
    """Whether the first of three centroids, counted from the end inwards, is to be left out."""
    found = border_mm(ends[0], grid)
    if found > _NEAR_MM:
        return False
    inwards = ends[1] - ends[2]
    expected = border_mm(ends[1] + step_mm * inwards / np.linalg.norm(inwards), grid)
    return presence < _PRESENT or (found + expected) / 2 < _INSIDE_MM


def _step_mm(points: FloatArray, labels: Sequence[int], upper: int) -> float:
    """Usual length of the step below ``labels[upper]``, for a patient of this size."""
    steps = spine_statistics().steps
    usual = np.array([steps[label].length_mm for label in labels[:-1]])
    lengths = np.linalg.norm(np.diff(points, axis=0), axis=1)
    inner = slice(1, -1) if len(lengths) > 2 else slice(None)
    return float(np.median(lengths[inner] / usual[inner]) * steps[labels[upper]].length_mm)


def _distinct(decoded: DecodedSpine, kept: slice) -> tuple[Numbering, ...]:
    """The alternatives without the ends; those that then equal the numbering or each other go."""
    seen = {decoded.labels[kept]}
    result = []
    for other in decoded.alternatives:
        if other.labels[kept] not in seen:
            seen.add(other.labels[kept])
            result.append(replace(other, labels=other.labels[kept]))
    return tuple(result)
