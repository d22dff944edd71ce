"""Neighbours that are too near or too far, and levels that are left out."""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Final

import numpy as np
import numpy.typing as npt

from spondyl.anatomy import LABEL_OF, NAMES, levels_between
from spondyl.flag import Flag
from spondyl.quality.finding import Finding
from spondyl.spine import Spine
from spondyl.statistics import spine_statistics

__all__ = ["check_spacing"]

_FURTHEST: Final = 1.5
"""Ratio of a distance to the usual one in this patient (or its inverse) from which it is an outlier.

Of 2041 distances between hand-placed centroids of VerSe 2019 and 2020, one is (and three that a
missing T12 explains)."""

_LEAST_STEPS: Final = 2  # other distances in this patient, to know their size
_T11, _T12, _L1 = LABEL_OF["T11"], LABEL_OF["T12"], LABEL_OF["L1"]


def check_spacing(spine: Spine) -> Iterator[Finding]:
    """Distances between centroids against those of real spines, at this patient's size.

    A level that is left out is a gap, unless the room shows that the spine lacks a T12.
    """
    labels = spine.labels
    lengths = np.linalg.norm(np.diff(spine.centroids_mm, axis=0), axis=1)
    statistics = spine_statistics()
    usual = np.array([statistics.distance_mm(a, b) for a, b in pairwise(labels)])
    for place, (above, below) in enumerate(pairwise(labels)):
        size = _size(np.delete(lengths / usual, place) if len(usual) else usual)
        length, expected = float(lengths[place]), float(size * usual[place])
        left_out = levels_between(above, below)
        if left_out == (_T12,) and abs(length - size * statistics.steps[_T11].length_mm) < abs(
            length - expected
        ):
            yield Finding(
                Flag(
                    "enumeration_anomaly",
                    "T11 and L1 lie as near as neighbours: the spine seems to have no T12.",
                )
            )
        elif left_out:
            names = ", ".join(NAMES[label] for label in left_out)
            verb = "was" if len(left_out) == 1 else "were"
            message = f"{names} {verb} not found between {NAMES[above]} and {NAMES[below]}."
            yield Finding(Flag("gap", message), below)
        elif len(lengths) > _LEAST_STEPS and not 1 / _FURTHEST < length / expected < _FURTHEST:
            near = "near" if length < expected else "far"
            message = (
                f"It lies unusually {near} the vertebra above ({length:.0f} mm; {expected:.0f} mm expected)."
            )
            yield Finding(Flag("spacing_outlier", message.replace("far the", "far from the")), below)


def _size(ratios: npt.NDArray[np.float64] | Sequence[float]) -> float:
    """This patient's size against the mean, by the other distances."""
    return float(np.median(ratios)) if len(ratios) >= _LEAST_STEPS else 1.0
