"""The skeleton's plan: where every vertebra stands, how it is turned, and how it is compressed."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import numpy.typing as npt

from spondyl.anatomy import NAMES, label_of
from spondyl.phantom.options import PhantomOptions, ladder
from spondyl.phantom.sizes import Sizes, position_of, sizes_of
from spondyl.statistics import spine_statistics

__all__ = ["Fracture", "Level", "SpinePlan", "plan_spine"]

FloatArray = npt.NDArray[np.float64]
FractureKind = Literal["wedge", "biconcave", "crush"]
_SACRAL_TILT = (38.0, 12.0, -18.0)  # of the steps S2-S3, S3-S4, S4-S5, relative to S1-S2 = 55
_SACRAL_STEP = (21.0, 18.0, 15.0)


@dataclass(frozen=True)
class Fracture:
    """A compressed vertebra.

    Attributes:
        kind: Where the height is lost: in front, in the middle, or everywhere.
        grade: Genant grade: 1 is 20-25 %, 2 is 25-40 %, 3 more than 40 % of the height lost.
        loss: Share of the height lost where it is worst.
    """

    kind: FractureKind
    grade: int
    loss: float


@dataclass(frozen=True, eq=False)
class Level:
    """One vertebra of the plan.

    Attributes:
        label: VerSe number.
        centre_mm: Centre of the body in world coordinates.
        axes: 3 x 3, columns are the vertebra's own right, front and up in the world.
        sizes: Its measures.
        heights_mm: Body height in front, in the middle and behind (along ``up`` on the midline, at 0.75, 0
            and -0.75 of the half depth).
        above_mm: Distance to the upper neighbour's centre.
        below_mm: Distance to the lower neighbour's centre.
        fracture: How it is compressed, or ``None``.
    """

    label: int
    centre_mm: FloatArray
    axes: FloatArray
    sizes: Sizes
    heights_mm: tuple[float, float, float]
    above_mm: float
    below_mm: float
    fracture: Fracture | None = None

    @property
    def name(self) -> str:
        """Name such as ``"T12"``."""
        return NAMES[self.label]


@dataclass(frozen=True, eq=False)
class SpinePlan:
    """All vertebrae, head to foot.

    Attributes:
        levels: C1 to S2.
        tail_mm: ``(3, 3)`` centres of S3, S4 and S5.
        scale: Patient's size, 1 = average.
        age_years: Patient's age.
    """

    levels: tuple[Level, ...]
    tail_mm: FloatArray
    scale: float
    age_years: float

    def moved(self, by_mm: FloatArray) -> "SpinePlan":
        """The same spine elsewhere."""
        levels = tuple(replace(level, centre_mm=level.centre_mm + by_mm) for level in self.levels)
        return replace(self, levels=levels, tail_mm=self.tail_mm + by_mm)

    @property
    def centres_mm(self) -> FloatArray:
        """``(n, 3)`` centres, head to foot."""
        return np.array([level.centre_mm for level in self.levels])

    def find(self, name: str) -> Level:
        """The level of that name, or the nearest one there is (T12 for a missing L1, and so on)."""
        place = position_of(label_of(name))
        return min(self.levels, key=lambda level: abs(position_of(level.label) - place))


def _correlated(rng: np.random.Generator, n: int, rho: float) -> FloatArray:
    """``n`` standard normal numbers whose neighbours correlate by ``rho`` (first-order chain)."""
    draws = rng.standard_normal(n)
    out = np.empty(n)
    out[0] = draws[0]
    for i in range(1, n):
        out[i] = rho * out[i - 1] + np.sqrt(1 - rho * rho) * draws[i]
    return np.clip(out, -2.2, 2.2)


def _scoliosis(labels: Sequence[int], cobb_deg: float, rng: np.random.Generator) -> FloatArray:
    """Lean of every step of a lateral curve: the angle swings by ``cobb_deg`` over the curve."""
    n = len(labels) - 1
    if not cobb_deg:
        return np.zeros(n)
    apex, half = rng.uniform(11, 20), rng.uniform(3.5, 5.5)
    phase = (np.arange(n) + 1.0 - apex) / half
    lean = np.sin(np.clip(phase, -1, 1) * np.pi / 2) * cobb_deg / 2
    fade = np.exp(-np.maximum(np.abs(phase) - 1, 0) * 1.3) * np.cos(np.maximum(np.abs(phase) - 1, 0) * 1.2)
    return np.asarray(lean * fade * rng.choice([-1, 1]))


def _draw_fractures(
    labels: Sequence[int], count: int, near: int, rng: np.random.Generator
) -> dict[int, Fracture]:
    """``{index of vertebra: fracture}`` between T4 and L5, near the middle of the scan."""
    able = [i for i, label in enumerate(labels) if 11 <= label <= 24 or NAMES[label] in ("T13", "L6")]
    able.sort(key=lambda i: abs(i - near) + rng.uniform(0, 4))
    limits = {1: (0.2, 0.25), 2: (0.25, 0.4), 3: (0.4, 0.6)}
    kinds: tuple[FractureKind, ...] = ("wedge", "biconcave", "crush")
    found = {}
    for i in able[:count]:
        grade = int(rng.choice([1, 2, 2, 3]))
        found[i] = Fracture(
            kinds[int(rng.choice([0, 0, 0, 1, 1, 2]))], grade, float(rng.uniform(*limits[grade]))
        )
    return found


def _heights(
    height: float, label: int, fracture: Fracture | None, rng: np.random.Generator
) -> tuple[float, float, float]:
    """Body height in front, in the middle and behind."""
    wedge = float(
        np.interp(position_of(label), [3, 8, 15, 19, 22, 24], [0.0, -0.02, -0.05, -0.05, 0.02, 0.1])
    )
    wedge += 0.015 * float(rng.standard_normal())
    dip = float(np.clip(rng.normal(0.08, 0.02), 0.03, 0.14)) if label > 7 else 0.07
    front, middle, back = height * (1 + wedge / 2), height * (1 - dip), height * (1 - wedge / 2)
    if fracture is not None:
        share = {"wedge": (1.0, 0.6, 0.08), "biconcave": (0.2, 1.0, 0.1), "crush": (1.0, 1.0, 0.9)}[
            fracture.kind
        ]
        front, middle, back = (
            h * (1 - fracture.loss * s) for h, s in zip((front, middle, back), share, strict=True)
        )
    return front, middle, back


def _axes(up: FloatArray, turn_deg: float) -> FloatArray:
    """Right, front and up of a vertebra from its up direction and its turn about it."""
    up = up / np.linalg.norm(up)
    front = np.array([np.sin(np.radians(turn_deg)), np.cos(np.radians(turn_deg)), 0.0])
    front = front - (front @ up) * up
    front /= np.linalg.norm(front)
    return np.stack([np.cross(front, up), front, up], axis=1)


def _directions(tilt_deg: FloatArray, lean_deg: FloatArray) -> FloatArray:
    """Unit vectors of steps downwards ``(n, 3)``."""
    tilt, lean = np.radians(tilt_deg), np.radians(lean_deg)
    vectors = np.stack([np.tan(lean), -np.tan(tilt), -np.ones_like(tilt)], axis=1)
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True))


def plan_spine(options: PhantomOptions, rng: np.random.Generator, near: str) -> SpinePlan:
    """Draw a spine from the statistics of real ones.

    Args:
        options: What to show.
        rng: Source of randomness.
        near: Level around which fractures are placed.
    """
    table = spine_statistics()
    labels = ladder(options.anomaly)
    steps = [table.steps[label] for label in labels[:-1]]
    age = float(rng.uniform(25, 88)) if options.age_years is None else options.age_years
    scale = float(np.clip(rng.normal(1, table.size_std), 0.82, 1.2))
    length = np.array([step.length_mm for step in steps]) * scale
    length *= 1 + np.clip(table.residual_std * 0.7 * rng.standard_normal(len(steps)), -0.12, 0.12)
    tilt = np.array([s.tilt_deg for s in steps])
    tilt += (
        np.array([s.tilt_std_deg for s in steps])
        * _correlated(rng, len(steps), table.tilt_correlation)
        * 0.85
    )
    lean = np.array([0.5 * s.lean_std_deg for s in steps]) * _correlated(
        rng, len(steps), table.lean_correlation
    )
    curve = _scoliosis(labels, options.scoliosis_deg, rng)
    fractures = _draw_fractures(labels, options.fractures, labels.index(label_of(near)), rng)
    levels = []
    sizes = [sizes_of(label, scale, rng) for label in labels]
    heights = []
    for i, label in enumerate(labels):
        around = length[max(i - 1, 0) : i + 1]
        whole = sizes[i].height * float(np.mean(around)) if label != 2 else 20 * scale
        heights.append(_heights(whole, label, fractures.get(i), rng))
        lost = whole - float(np.mean(heights[i])) if i in fractures else 0.0
        length[max(i - 1, 0) : i + 1] -= lost / 2
        if i in fractures:  # the spine bends forward over a wedge
            bend = np.degrees(np.arctan2(heights[i][2] - heights[i][0], 0.75 * sizes[i].depth))
            tilt[:i] += 0.5 * bend * np.linspace(0, 1, i) ** 4
    down = _directions(tilt, lean + curve)
    centres = np.vstack([np.zeros(3), np.cumsum(down * length[:, None], axis=0)])
    turn = np.gradient(np.append(curve, 0.0)) * 1.6
    for i, label in enumerate(labels):
        up = -(down[max(i - 1, 0)] + down[min(i, len(down) - 1)])
        frame = _axes(up, float(turn[i] + rng.normal(0, 1.0)))
        above, below = length[max(i - 1, 0)], length[min(i, len(length) - 1)]
        levels.append(Level(label, centres[i], frame, sizes[i], heights[i], above, below, fractures.get(i)))
    tail_tilt = np.array(_SACRAL_TILT) + tilt[-1] - 55 + rng.normal(0, 4, 3)
    tail = _directions(tail_tilt, np.zeros(3)) * (np.array(_SACRAL_STEP) * scale)[:, None]
    return SpinePlan(tuple(levels), centres[-1] + np.cumsum(tail, axis=0), scale, age)
