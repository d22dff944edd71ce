"""Height loss and a Genant grade from heights alone.

Genant et al. (J Bone Miner Res 1993; 8: 1137) grade by eye: 1 (mild) 20-25 %, 2 (moderate) 25-40 %,
3 (severe) more than 40 % of the height lost in front (wedge), in the middle (biconcave) or everywhere
(crush), compared with the same or the neighbouring vertebrae. What the eye makes up for, the natural
wedge and the natural concavity of a level, is taken from the patient's own undeformed neighbours here.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from spondyl.anatomy import NAMES, ORDER, RANK, label_of
from spondyl.morphometry.frame import FloatArray
from spondyl.morphometry.heights import Heights

__all__ = ["GRADES", "Deformity", "Loss", "gradable", "grade_of", "height_losses"]

Deformity = Literal["wedge", "biconcave", "crush"]

GRADES: Final = (0.20, 0.25, 0.40)
"""Height loss from which a vertebra is graded 1, 2 and 3."""

_DEFORMED: Final = 0.15  # such vertebrae are no reference for others
_CRUSHED: Final = 0.15  # loss behind from which the vertebra's own back is no reference
_FARTHEST: Final = 3  # levels
_MOST: Final = 4  # neighbours
_FIRST, _LAST = RANK[label_of("T1")], RANK[label_of("L6")]


@dataclass(frozen=True)
class Loss:
    """How much height a vertebra has lost.

    Attributes:
        anterior: Share of the expected height lost in front; negative when it is taller.
        middle: In the middle.
        posterior: Behind; NaN without neighbours to compare with.
        sd: Standard deviation of the largest.
        neighbours: How many vertebrae it was compared with.
    """

    anterior: float
    middle: float
    posterior: float
    sd: float
    neighbours: int

    @property
    def largest(self) -> float:
        """The larger of front and middle, at least 0; no type of deformity loses height behind alone."""
        return float(max(self.anterior, self.middle, 0.0))

    @property
    def deformity(self) -> Deformity:
        """Type that the pattern of the losses suggests."""
        if self.posterior >= _CRUSHED:
            return "crush"
        return "wedge" if self.anterior >= self.middle else "biconcave"


def gradable(label: int) -> bool:
    """Thoracic and lumbar vertebrae; Genant's own range is T4 to L4."""
    return _FIRST <= RANK[label] <= _LAST


def grade_of(loss: float) -> int:
    """Genant grade 0-3 of a height loss."""
    return int(np.searchsorted(GRADES, loss, side="right"))


def height_losses(heights: Mapping[int, Heights]) -> dict[int, Loss]:
    """Height loss of every gradable vertebra.

    What is expected comes from up to four undeformed neighbours (a straight line through those above
    and below). The middle is compared as its ratio to the vertebra's own back with their ratios. So is
    the front, and also with their fronts: a vertebra of another size misleads the second comparison, a
    wedge that lost some of its back the first; the loss is the geometric mean of both. Where the back
    has lost 15 % or more against their backs, it is no reference. Further rounds, since it takes one to
    know which neighbours are deformed.

    Args:
        heights: VerSe number to heights, of all vertebrae that could be measured.
    """
    labels = [label for label in ORDER if label in heights and gradable(label)]
    ladder = [label for label in ORDER if label in heights or NAMES[label] not in ("T13", "L6")]
    place = {label: ladder.index(label) for label in labels}
    deformed: frozenset[int] = frozenset()
    losses: dict[int, Loss] = {}
    for _ in range(3):
        losses = {label: _loss(label, heights, _neighbours(label, place, deformed)) for label in labels}
        now = frozenset(label for label, loss in losses.items() if loss.largest > _DEFORMED)
        if now == deformed:
            break
        deformed = now
    return losses


def _neighbours(label: int, place: Mapping[int, int], deformed: frozenset[int]) -> dict[int, int]:
    """The nearest vertebrae fit to compare with, and how many levels lower they are."""
    below = {other: place[other] - place[label] for other in place if other not in deformed | {label}}
    nearest = sorted(below, key=lambda other: abs(below[other]))
    return {other: below[other] for other in nearest[:_MOST] if abs(below[other]) <= _FARTHEST}


def _loss(label: int, heights: Mapping[int, Heights], neighbours: Mapping[int, int]) -> Loss:
    own = heights[label].values
    sd = float(np.sqrt(1.5) * heights[label].sd / own.mean())
    if len(neighbours) < 2:
        front, middle = 1 - own[:2] / own[2]
        return Loss(float(front), float(middle), float("nan"), sd, len(neighbours))
    places = np.array(list(neighbours.values()), float)
    theirs = np.log(np.array([heights[other].values for other in neighbours]))
    expected = np.exp(_here(places, theirs))
    shape = np.exp(_here(places, theirs[:, :2] - theirs[:, 2:]))
    kept = own / expected
    back = 1 - kept[2]
    if back < _CRUSHED:
        ratios = own[:2] / own[2] / shape
        kept[:2] = np.sqrt(kept[0] * ratios[0]), ratios[1]
    front, middle = 1 - kept[:2]
    return Loss(float(front), float(middle), float(back), sd, len(neighbours))


def _here(places: FloatArray, values: FloatArray) -> FloatArray:
    """Values expected at place 0: on a line through neighbours on both sides, else their mean."""
    if places.min() < 0 < places.max():
        return np.asarray(np.polynomial.polynomial.polyfit(places, values, 1)[0])
    return np.asarray(values.mean(axis=0))
