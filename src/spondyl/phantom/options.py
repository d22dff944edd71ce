"""What a phantom shall show."""

from dataclasses import dataclass, replace
from typing import Final, Literal, get_args

import numpy as np

from spondyl.anatomy import NAMES, RANK, label_of
from spondyl.errors import InputError

__all__ = ["ORDINARY", "Anomaly", "PhantomOptions", "ladder"]

Anomaly = Literal["none", "t13", "l6", "no_t12", "no_l5"]


def ladder(anomaly: Anomaly) -> tuple[int, ...]:
    """VerSe numbers of a spine from C1 to S2, head to foot."""
    drop = {"T13", "L6"}
    drop ^= {"t13": {"T13"}, "l6": {"L6"}, "no_t12": {"T12"}, "no_l5": {"L5"}}.get(anomaly, set())
    return tuple(label for label in RANK if NAMES[label] not in drop)


@dataclass(frozen=True)
class PhantomOptions:
    """What a phantom shall show; the defaults give an ordinary spine-focused CT.

    Attributes:
        levels: First and last vertebra to show, e.g. T10 L5; otherwise whatever falls into the field
            of view.
        centre: Vertebra at mid-height when no levels are given; otherwise one is drawn.
        field_of_view_mm: Size right-left, back-front and foot-head; levels override the last.
        spacing_mm: Voxel size right-left, back-front and foot-head.
        slice_thickness_mm: Height over which a slice averages; otherwise the slice spacing.
        orientation: Direction in which each stored axis grows.
        scoliosis_deg: Cobb angle of a lateral curve, 0-70; vertebrae turn with it.
        fractures: Number of compressed vertebrae (wedge, biconcave or crush; grades 1-3 after
            Genant).
        metal: Pedicle screws with rods, or a cage between two bodies, and fillings, with streaks.
        contrast: Contrast medium in vessels and kidneys.
        anomaly: A thirteenth thoracic, a sixth lumbar, or one vertebra fewer.
        noise_hu: Standard deviation of the noise in soft tissue.
        table: Show the table the patient lies on.
        age_years: 18-95, otherwise drawn; old bone is thinner and less dense, with osteophytes.
        hard: Draw scoliosis, fractures, metal, contrast, anomaly, noise and slice thickness at
            random, and a field of view that may cut anything.

    Raises:
        InputError: a value out of range, or contradicting values.
    """

    levels: tuple[str, str] | None = None
    centre: str | None = None
    field_of_view_mm: tuple[float, float, float] = (160.0, 180.0, 320.0)
    spacing_mm: tuple[float, float, float] = (1.0, 1.0, 1.0)
    slice_thickness_mm: float | None = None
    orientation: str = "LPS"
    scoliosis_deg: float = 0.0
    fractures: int = 0
    metal: bool = False
    contrast: bool = False
    anomaly: Anomaly = "none"
    noise_hu: float = 14.0
    table: bool = True
    age_years: float | None = None
    hard: bool = False

    def __post_init__(self) -> None:
        self._check_numbers()
        axes = sorted(
            {"R": "x", "L": "x", "A": "y", "P": "y", "S": "z", "I": "z"}.get(c, c) for c in self.orientation
        )
        if axes != ["x", "y", "z"]:
            raise InputError(
                f"orientation {self.orientation!r}: expected one of R/L, A/P and S/I each, as in 'LPS'"
            )
        if self.anomaly not in get_args(Anomaly):
            raise InputError(f"anomaly {self.anomaly!r}: expected one of {', '.join(get_args(Anomaly))}")
        here = ladder(self.anomaly)
        names = (*(self.levels or ()), *([self.centre] if self.centre else []))
        missing = [name for name in names if label_of(name) not in here]
        if missing:
            raise InputError(f"{', '.join(missing)} does not occur in a spine with anomaly {self.anomaly!r}")
        if self.levels and RANK[label_of(self.levels[0])] > RANK[label_of(self.levels[1])]:
            raise InputError(f"levels {self.levels}: the first must lie above the last")

    def _check_numbers(self) -> None:
        """Ranges of all numbers."""
        thickness = 1.0 if self.slice_thickness_mm is None else self.slice_thickness_mm
        ranges = {
            "field_of_view_mm": (self.field_of_view_mm, 20, 2000),
            "spacing_mm": (self.spacing_mm, 0.3, 10),
            "slice_thickness_mm": ((thickness,), 0.3, 10),
            "scoliosis_deg": ((self.scoliosis_deg,), 0, 70),
            "fractures": ((self.fractures,), 0, 8),
            "noise_hu": ((self.noise_hu,), 0, 200),
            "age_years": ((50.0 if self.age_years is None else self.age_years,), 18, 95),
        }
        for name, (values, low, high) in ranges.items():
            if not all(low <= value <= high for value in values):
                raise InputError(f"{name} {getattr(self, name)}: expected {low} to {high}")
        if len(self.field_of_view_mm) != 3 or len(self.spacing_mm) != 3:
            raise InputError(
                "field_of_view_mm and spacing_mm take three numbers: right-left, back-front, foot-head"
            )

    def drawn(self, rng: np.random.Generator) -> "PhantomOptions":
        """These options with everything that ``hard`` leaves open drawn at random."""
        if not self.hard:
            return self
        anomaly: Anomaly = self.anomaly
        if anomaly == "none" and not self.levels and not self.centre and rng.random() < 0.2:
            anomaly = ("t13", "l6", "no_t12", "no_l5")[int(rng.integers(4))]
        thick = float(rng.choice([1.0, 1.25, 2.0, 2.5, 3.0, 5.0]))
        x, y, z = self.field_of_view_mm
        low = np.array([0.55, 0.6, 0.3])
        share = rng.uniform(low, np.array([1.4, 1.3, 1.6]))
        return replace(
            self,
            hard=False,
            anomaly=anomaly,
            scoliosis_deg=self.scoliosis_deg or float(rng.uniform(10, 50) * (rng.random() < 0.35)),
            fractures=self.fractures or int(rng.choice([0, 0, 1, 1, 2, 3])),
            metal=self.metal or bool(rng.random() < 0.25),
            contrast=self.contrast or bool(rng.random() < 0.5),
            noise_hu=float(rng.uniform(6, 45)),
            table=self.table and bool(rng.random() < 0.8),
            slice_thickness_mm=thick if self.slice_thickness_mm is None else self.slice_thickness_mm,
            spacing_mm=(self.spacing_mm[0], self.spacing_mm[1], max(self.spacing_mm[2], thick)),
            field_of_view_mm=(float(x * share[0]), float(y * share[1]), float(max(z * share[2], 60))),
        )


ORDINARY: Final = PhantomOptions()
"""A spine-focused CT without anything special."""
