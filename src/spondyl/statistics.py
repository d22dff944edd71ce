"""How far apart neighbouring vertebrae are, and how the spine bends: numbers from real scans.

The table is ``anatomy_statistics.json``, made by ``tools/condense_centroids.py``; its ``source``
says from what. It feeds the phantom's geometry and the decoding prior.
"""

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from spondyl.anatomy import label_of, levels_between

__all__ = ["SpineStatistics", "Step", "spine_statistics"]


@dataclass(frozen=True)
class Step:
    """The way from one vertebra's centroid to that of the next one down.

    Attributes:
        length_mm: Mean distance.
        length_std_mm: Its standard deviation over patients.
        tilt_deg: Mean angle in the sagittal plane; 0 straight down, positive towards the back.
        tilt_std_deg: Its standard deviation over patients.
        lean_std_deg: Standard deviation of the angle in the coronal plane (its mean is taken as 0).
        scans: Number of scans behind the numbers.
    """

    length_mm: float
    length_std_mm: float
    tilt_deg: float
    tilt_std_deg: float
    lean_std_deg: float
    scans: int


@dataclass(frozen=True)
class SpineStatistics:
    """Statistics of real spines.

    Attributes:
        steps: VerSe number of the upper vertebra to the step below it: C1..L5, S1, T13 and L6. T13 and L6
            are too rare to measure and stand in by their neighbours' mean; a step out of the last lumbar
            vertebra is that of L5.
        size_std: Standard deviation of a patient's overall size, as a share of the mean.
        residual_std: What remains per step after the patient's size, as a share of the mean.
        tilt_correlation: Correlation of the tilt deviations of neighbouring steps.
        lean_correlation: The same for the leans.
        frequency: Share of scans with a ``"T13"``, an ``"L6"`` or ``"no_T12"`` among those in which it
            could be seen.
        source: Where the numbers come from.
    """

    steps: dict[int, Step]
    size_std: float
    residual_std: float
    tilt_correlation: float
    lean_correlation: float
    frequency: dict[str, float]
    source: str

    def distance_mm(self, above: int, below: int) -> float:
        """Usual distance of two vertebrae, along the levels between them."""
        return sum(self.steps[label].length_mm for label in (above, *levels_between(above, below)))


@cache
def spine_statistics() -> SpineStatistics:
    """The table shipped with the package."""
    table = json.loads((files("spondyl") / "anatomy_statistics.json").read_text("utf-8"))
    steps = {}
    for name, row in table["step_to_next_level"].items():
        (length, length_std), (tilt, tilt_std) = row["length_mm"], row["tilt_deg"]
        steps[label_of(name)] = Step(length, length_std, tilt, tilt_std, row["lean_deg"], row["n"])
    steps[label_of("T13")] = _between(steps[label_of("T12")], steps[label_of("L1")])
    steps[label_of("L6")] = steps[label_of("L5")]
    count = table["scans_with"]
    return SpineStatistics(
        steps=steps,
        size_std=table["patient_size_std"],
        residual_std=table["step_residual_std"],
        tilt_correlation=table["tilt_neighbour_correlation"],
        lean_correlation=table["lean_neighbour_correlation"],
        frequency={
            "T13": count["T13"] / count["T11_and_L1"],
            "no_T12": count["no_T12"] / count["T11_and_L1"],
            "L6": count["L6"] / count["L5"],
        },
        source=table["source"],
    )


def _between(upper: Step, lower: Step) -> Step:
    """The mean of two steps, measured on no scan."""
    return Step(
        (upper.length_mm + lower.length_mm) / 2,
        (upper.length_std_mm + lower.length_std_mm) / 2,
        (upper.tilt_deg + lower.tilt_deg) / 2,
        (upper.tilt_std_deg + lower.tilt_std_deg) / 2,
        (upper.lean_std_deg + lower.lean_std_deg) / 2,
        0,
    )
