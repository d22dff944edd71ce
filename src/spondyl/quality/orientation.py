"""Whether the spine that was found fits the orientation that the file claims.

A mirrored left and right cannot be seen in a spine and is not looked for.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np

from spondyl.anatomy import Region, label_of, region_of
from spondyl.flag import Flag
from spondyl.label_boxes import label_boxes
from spondyl.morphometry.frame import spine_directions
from spondyl.quality.finding import Finding
from spondyl.spine import Spine
from spondyl.statistics import spine_statistics
from spondyl.volume import Volume

__all__ = ["Arches", "arches", "check_orientation", "spacing_trend"]

_UPRIGHT: Final = 0.5  # height of the spine as a share of its length
_BEHIND_MM: Final = (
    7.5  # upright 9.1 and more, by masks of the network and by hand; swapped mostly 1.5 to 7.5
)
_ABOVE_MM: Final = 3.0  # upright at most 2.3
_LEAST_TREND: Final = -0.025  # upright no less than -0.0244
_LEAST_STEPS: Final = 6
_ARCH_MM: Final = 12.0  # behind the centroid, the arch and its processes begin
_LEAST_VOXELS: Final = 20
_WITHOUT_ARCH: Final = frozenset(label_of(name) for name in ("C1", "S1", "S2"))

_LYING = "The spine runs across the scan, not from head to foot; the file's orientation may be wrong."
_BACK_TO_FRONT = "The vertebral arches do not lie behind the bodies; front and back may be swapped."
_UPSIDE_DOWN = "The vertebrae look upside down; head and foot may be swapped."


def check_orientation(spine: Spine, volume: Volume) -> Iterator[Finding]:  # noqa: ARG001 - one signature for all
    """A spine across, with its arches in front, or upside down.

    The limits lie outside of what real scans, masks drawn by hand and 122 spines of VerSe show, and inside
    of what some of the same scans show when they are turned over (see ``docs/results.md``).
    """
    found = arches(spine)
    message = _lying(spine) or _back_to_front(found) or _upside_down(found, spacing_trend(spine))
    if message is not None:
        yield Finding(Flag("orientation_doubtful", message))


def _lying(spine: Spine) -> str | None:
    if len(spine) < 3:
        return None
    way = spine.centroids_mm[0] - spine.centroids_mm[-1]
    return _LYING if way[2] < _UPRIGHT * np.linalg.norm(way) else None


def _back_to_front(found: "Arches | None") -> str | None:
    return _BACK_TO_FRONT if found is not None and found.behind_mm < _BEHIND_MM else None


def _upside_down(found: "Arches | None", trend: float | None) -> str | None:
    above = found is not None and found.above_mm is not None and found.above_mm > _ABOVE_MM
    # Masks cut short lift the arches too: growing distances towards the feet speak against it.
    growing = trend is not None and trend > 0
    return _UPSIDE_DOWN if (above and not growing) or (trend is not None and trend < _LEAST_TREND) else None


@dataclass(frozen=True)
class Arches:
    """Where arches and processes lie, seen from the bodies' centres; medians over all vertebrae.

    Attributes:
        behind_mm: The vertebra's middle behind the centroid.
        above_mm: What lies behind the body, above the centroid, along the spine; ``None`` where no
            vertebra shows it. Thoracic processes hang down: negative in an upright spine.
    """

    behind_mm: float
    above_mm: float | None


def arches(spine: Spine) -> Arches | None:
    """Where the arches lie; ``None`` without a mask."""
    if spine.mask is None or len(spine) == 0:
        return None
    boxes = label_boxes(spine.mask.data, max(spine.labels))
    behind, above = [], []
    for vertebra, up in zip(spine, spine_directions(spine), strict=True):
        box = boxes[vertebra.label - 1]
        front = np.array([0.0, 1.0, 0.0]) - up[1] * up
        if box is None or np.linalg.norm(front) < 0.1:
            continue
        front /= np.linalg.norm(front)
        voxels = np.argwhere(spine.mask.data[box] == vertebra.label) + [part.start for part in box]
        points = spine.mask.grid.to_world(voxels) - vertebra.centroid_mm
        behind.append(-float((points @ front).mean()))
        arch = points[points @ front < -_ARCH_MM]
        if len(arch) > _LEAST_VOXELS and vertebra.label not in _WITHOUT_ARCH:
            above.append(float((arch @ up).mean()))
    if not behind:
        return None
    return Arches(float(np.median(behind)), float(np.median(above)) if above else None)


def spacing_trend(spine: Spine) -> float | None:
    """How fast distances grow towards the feet, less what is usual for these names.

    Returns:
        Per level, as a share (natural logarithm); ``None`` with fewer than six steps between thoracic
        and lumbar vertebrae. Near 0 in an upright spine.
    """
    usual = spine_statistics().steps
    middle = [v for v in spine if region_of(v.label) in (Region.THORACIC, Region.LUMBAR)]
    ratios = [
        np.linalg.norm(np.subtract(a.centroid_mm, b.centroid_mm)) / usual[a.label].length_mm
        for a, b in pairwise(middle)
    ]
    if len(ratios) < _LEAST_STEPS:
        return None
    return float(np.polynomial.polynomial.polyfit(np.arange(len(ratios)), np.log(ratios), 1)[1])
