"""Which level may follow which along a spine, at what price and distance."""

from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt

from spondyl.anatomy import LABEL_OF, NAMES, ORDER, RANK
from spondyl.statistics import spine_statistics

__all__ = ["DecodingSettings", "Move", "move_scores", "moves", "slope_score"]

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class DecodingSettings:
    """Prices and weights.

    Attributes:
        missed: Chance that a visible vertebra has no candidate.
        rare: Floor for the chance of T13, L6 or an absent T12.
        evidence: Weight of each candidate's level evidence. Below 1, because the evidence of
            neighbouring candidates comes from the same picture and is far from independent.
        step_slack: Factor on the standard deviation of the steps (fractures, scoliosis, noise).
        furthest_mm: Longest step between chosen neighbours.
        clutter_mm: Length along the spine over which something that is no vertebra may turn up
            anywhere; what a step is weighed against.
        steep_deg: Angle to the long axis of the patient up to which any step is as good as another.
            The steepest of real spines, from S1 to S2, is 55 degrees on average, 71 for one in forty.
        steep_std_deg: How fast the chance of steeper ones falls.
    """

    missed: float = 0.02
    rare: float = 0.01
    evidence: float = 0.5
    step_slack: float = 1.6
    furthest_mm: float = 130.0
    clutter_mm: float = 100.0
    steep_deg: float = 60.0
    steep_std_deg: float = 8.0


@dataclass(frozen=True)
class Move:
    """An allowed change of level between chosen neighbours."""

    start: int  # rank
    stop: int
    price: float
    length_mm: float
    std_mm: float


@cache
def moves(settings: DecodingSettings) -> tuple[Move, ...]:
    """All allowed changes of level."""
    statistics = spine_statistics()
    rare = {
        name: float(np.log(max(statistics.frequency.get(name, 0.0), settings.rare)))
        for name in ("T13", "L6", "no_T12")
    }
    usual = [label for label in ORDER if NAMES[label] not in ("T13", "L6")]
    ladders = [
        (usual, 0.0),
        ([x for x in ORDER if NAMES[x] != "L6"], rare["T13"]),
        ([x for x in ORDER if NAMES[x] != "T13"], rare["L6"]),
        ([x for x in usual if NAMES[x] != "T12"], rare["no_T12"]),
    ]
    moves: dict[tuple[int, int], Move] = {}
    for ladder, price in ladders:
        for place, label in enumerate(ladder):
            length = variance = 0.0
            for jump in range(1, min(4, len(ladder) - place)):
                step = statistics.steps[ladder[place + jump - 1]]
                length += step.length_mm
                variance += max(step.length_mm * statistics.residual_std, 1.2) ** 2
                key = RANK[label], RANK[ladder[place + jump]]
                total = price + (jump - 1) * float(np.log(settings.missed))
                move = Move(*key, total, length, settings.step_slack * float(np.sqrt(variance)))
                if key not in moves or moves[key].price < total:
                    moves[key] = move
    # The price of a rare level is paid once, on entering it.
    exits = {RANK[LABEL_OF["T13"]], RANK[LABEL_OF["L6"]]}
    return tuple(
        Move(
            m.start,
            m.stop,
            0.0 if m.start in exits and m.stop == m.start + 1 else m.price,
            m.length_mm,
            m.std_mm,
        )
        for m in moves.values()
    )


def move_scores(distance_mm: float, size: float, settings: DecodingSettings) -> FloatArray:
    """``(28, 28)`` score of a step of this length between two ranks; minus infinity if not allowed."""
    scores = np.full((28, 28), -np.inf)
    for move in moves(settings):
        z = (distance_mm - size * move.length_mm) / move.std_mm
        # Heavy tails: a collapsed or kyphotic segment must not break the chain.
        density = -2.5 * np.log1p(z**2 / 5) - np.log(2.5 * move.std_mm)
        scores[move.start, move.stop] = move.price + density + np.log(settings.clutter_mm)
    return scores


def slope_score(step_mm: FloatArray, settings: DecodingSettings) -> float:
    """Score of a step's direction, whatever the levels: 0, or less if it leads sideways.

    Args:
        step_mm: ``(3,)`` from a vertebra to the next one down, RAS.
        settings: What is too steep.
    """
    along, across = -step_mm[2], float(np.hypot(step_mm[0], step_mm[1]))
    excess = max(float(np.degrees(np.arctan2(across, along))) - settings.steep_deg, 0.0)
    return -0.5 * (excess / settings.steep_std_deg) ** 2
