"""Leaving out vertebrae at the ends of the spine that the border of the scan cuts by half or more.

A scan ends at the border of its grid, or where its voxels are blank: archives fill what was not
recorded, or what a mask took away, with the number of air, and no body of a vertebra is air.

A cut vertebra shows its network a body whose middle is nearer than it really is, so the predicted
centroid alone does not tell. The neighbours tell where it should be: a step further along the spine.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np
import numpy.typing as npt

from spondyl.anatomy import NAMES
from spondyl.decoding.anatomical import Candidate, DecodedSpine
from spondyl.decoding.numbering import describe_change
from spondyl.spine import Numbering
from spondyl.statistics import spine_statistics
from spondyl.volume import Grid, Volume

__all__ = ["border_mm", "shown_mm", "trim_ends"]

FloatArray = npt.NDArray[np.float64]

# Found on scans the networks never saw and on phantoms, see the research log.
_NEAR_MM: Final = 14.0
_INSIDE_MM: Final = 2.5
_PRESENT: Final = 0.3

_BLANK_HU: Final = -600.0
_BODY_MM: Final = 7.0  # half as wide as the narrowest bodies


def trim_ends(decoded: DecodedSpine, candidates: Sequence[Candidate], scan: Volume) -> DecodedSpine:
    """Leave out vertebrae at both ends that lie half outside the scan, or are hardly seen.

    At least three vertebrae are left: fewer do not tell how long a step is.

    Args:
        decoded: The numbered spine.
        candidates: Those it was chosen from.
        scan: HU.
    """
    points = np.array([candidates[i].centroid_mm for i in decoded.chosen])
    presence = [candidates[i].presence for i in decoded.chosen]
    labels = decoded.labels
    first, last = 0, len(labels)
    while last - first > 3 and labels[first] != 1:
        step_mm = _step_mm(points[first:last], labels[first:last], 0)
        if not _is_cut(points[first : first + 3], presence[first], step_mm, scan):
            break
        first += 1
    while last - first > 3:
        step_mm = _step_mm(points[first:last], labels[first:last], -2)
        if not _is_cut(points[first:last][:-4:-1], presence[last - 1], step_mm, scan):
            break
        last -= 1
    kept = slice(first, last)
    if kept == slice(0, len(labels)):
        return decoded
    probability, alternatives = _without_ends(decoded, kept)
    return replace(
        decoded,
        chosen=decoded.chosen[kept],
        labels=labels[kept],
        probabilities=decoded.probabilities[kept],
        probability=probability,
        alternatives=alternatives,
    )


def border_mm(point: FloatArray, grid: Grid) -> float:
    """Distance from a point (RAS mm) to the nearest face of the scan, negative outside."""
    voxel = grid.to_voxel(point)
    return float((np.minimum(voxel + 0.5, np.array(grid.shape) - 0.5 - voxel) * grid.spacing_mm).min())


def shown_mm(point: FloatArray, outwards: FloatArray, scan: Volume) -> float:
    """Distance from the last centroid of a spine to where the scan ends, negative outside.

    Args:
        point: RAS mm.
        outwards: Direction in which the spine leaves the scan, RAS, of any length.
        scan: HU.
    """
    return min(border_mm(point, scan.grid), _to_blank_mm(point, outwards, scan))


def _to_blank_mm(point: FloatArray, outwards: FloatArray, scan: Volume) -> float:
    """How far on there is something like a body, looked for up to ``_NEAR_MM`` to both sides."""
    axis = outwards / np.linalg.norm(outwards)
    across = np.cross(axis, [1.0, 0.0, 0.0] if abs(axis[0]) < 0.7 else [0.0, 1.0, 0.0])
    across *= _BODY_MM / np.linalg.norm(across)
    other = np.cross(axis, across)
    ring = np.array([np.zeros(3), across, -across, other, -other])
    along_mm = np.arange(-_NEAR_MM, _NEAR_MM + 1.0)
    places = point + along_mm[:, None, None] * axis + ring
    voxels = np.rint(scan.grid.to_voxel(places)).astype(int)
    inside = ((voxels >= 0) & (voxels < scan.grid.shape)).all(axis=-1)
    voxels = np.clip(voxels, 0, np.array(scan.grid.shape) - 1)
    filled = inside & (scan.data[tuple(np.moveaxis(voxels, -1, 0))] > _BLANK_HU)
    body = np.flatnonzero(filled.sum(axis=1) >= 3)
    return float(along_mm[body[-1]] + 0.5) if len(body) else -_NEAR_MM


def _is_cut(ends: FloatArray, presence: float, step_mm: float, scan: Volume) -> bool:
    """Whether the first of three centroids, counted from the end inwards, is to be left out."""
    outwards = ends[1] - ends[2]
    found = shown_mm(ends[0], outwards, scan)
    if found > _NEAR_MM:
        return False
    expected = shown_mm(ends[1] + step_mm * outwards / np.linalg.norm(outwards), outwards, scan)
    return presence < _PRESENT or (found + expected) / 2 < _INSIDE_MM


def _step_mm(points: FloatArray, labels: Sequence[int], upper: int) -> float:
    """Usual length of the step below ``labels[upper]``, for a patient of this size."""
    steps = spine_statistics().steps
    usual = np.array([steps[label].length_mm for label in labels[:-1]])
    lengths = np.linalg.norm(np.diff(points, axis=0), axis=1)
    inner = slice(1, -1) if len(lengths) > 2 else slice(None)
    return float(np.median(lengths[inner] / usual[inner]) * steps[labels[upper]].length_mm)


def _without_ends(decoded: DecodedSpine, kept: slice) -> tuple[float, tuple[Numbering, ...]]:
    """Probability and alternatives once the ends are gone: those that differed only there become one."""
    labels, sure = decoded.labels[kept], decoded.probabilities[kept]
    gone = {NAMES[label] for label in (*decoded.labels[: kept.start], *decoded.labels[kept.stop :])}
    chances, first = {labels: decoded.probability}, dict[tuple[int, ...], str]()
    for other in decoded.alternatives:
        names = other.labels[kept]
        same = next((known for known in chances if _agree(known, names)), names)
        chances[same] = chances.get(same, 0.0) + other.probability
        speaks_of_ends = bool(gone & set(other.description.replace(",", "").split()))
        first.setdefault(same, describe_change(labels, names) if speaks_of_ends else other.description)
    probability = min(chances.pop(labels), *sure)
    others = (Numbering(names, chance, first[names]) for names, chance in chances.items())
    return probability, tuple(sorted(others, key=lambda other: -other.probability))


def _agree(one: Sequence[int], other: Sequence[int]) -> bool:
    """Whether two numberings call no vertebra differently."""
    pairs = [(a, b) for a, b in zip(one, other, strict=True) if a and b]
    return bool(pairs) and all(a == b for a, b in pairs)
