"""What is measured: values with unit and uncertainty, or the reason why there is none."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import spondyl
from spondyl.anatomy import RANK, name_of
from spondyl.io.atomic import write_text
from spondyl.spine import Flag

__all__ = ["SCHEMA_VERSION", "Curve", "DiscMeasures", "Measurement", "Morphometry", "VertebraMeasures"]

SCHEMA_VERSION: Final = 1
"""Version of the JSON that :meth:`Morphometry.to_json` writes."""

_RENAMED: Final = Flag(
    "renamed", "Vertebrae were renamed without the scan at hand; measure again with the scan."
)


@dataclass(frozen=True)
class Measurement:
    """One number, or the reason why it is refused.

    Attributes:
        value: In ``unit``; ``None`` when refused.
        unit: ``"mm"``, ``"deg"``, ``"HU"``, ``"ml"``, ``"grade"`` or ``"1"`` for a ratio.
        uncertainty: One standard deviation, in ``unit``; ``None`` where it is not estimated.
        refused: Why there is no value.
        remarks: What to know before using the value.
    """

    value: float | None
    unit: str
    uncertainty: float | None = None
    refused: Flag | None = None
    remarks: tuple[Flag, ...] = ()

    @classmethod
    def refusal(cls, unit: str, reason: Flag) -> "Measurement":
        """No value, for a reason."""
        return cls(None, unit, refused=reason)

    def without(self, code: str) -> "Measurement":
        """The same without a remark."""
        return replace(self, remarks=tuple(flag for flag in self.remarks if flag.code != code))

    def to_dict(self) -> dict[str, Any]:
        """JSON values."""
        out: dict[str, Any] = {"value": _rounded(self.value), "unit": self.unit}
        if self.value is not None:
            out["uncertainty"] = _rounded(self.uncertainty)
        if self.refused is not None:
            out["refused"] = vars(self.refused)
        if self.remarks:
            out["remarks"] = [vars(flag) for flag in self.remarks]
        return out


@dataclass(frozen=True)
class VertebraMeasures:
    """Measurements of one vertebra.

    Attributes:
        label: VerSe number.
        values: Name to measurement, see ``docs/measurements.md``.
        deformity: Suggested type of a deformity, ``"wedge"``, ``"biconcave"`` or ``"crush"``, or ``None``.
        landmarks_mm: Points of the endplates between which heights are measured, RAS+ mm:
            ``"upper_anterior"``, ``"lower_middle"`` ...; empty without heights.
    """

    label: int
    values: Mapping[str, Measurement]
    deformity: str | None = None
    landmarks_mm: Mapping[str, tuple[float, float, float]] = field(default_factory=dict)

    def __getitem__(self, name: str) -> Measurement:
        return self.values[name]


@dataclass(frozen=True)
class DiscMeasures:
    """Measurements of the disc between two vertebrae.

    Attributes:
        upper: VerSe number of the vertebra above.
        lower: VerSe number of the vertebra below.
        values: Name to measurement.
    """

    upper: int
    lower: int
    values: Mapping[str, Measurement]

    def __getitem__(self, name: str) -> Measurement:
        return self.values[name]


@dataclass(frozen=True)
class Curve:
    """A lateral curve of the spine.

    Attributes:
        upper: VerSe number of the upper end vertebra.
        lower: VerSe number of the lower end vertebra.
        angle: Cobb angle in degrees, never negative.
        convex: Side to which the curve bulges, ``"left"`` or ``"right"`` of the patient.
    """

    upper: int
    lower: int
    angle: Measurement
    convex: str


@dataclass(frozen=True)
class Morphometry:
    """All measurements of one scan.

    Attributes:
        vertebrae: Head to foot.
        discs: Head to foot; one for every two vertebrae that follow each other.
        angles: Sagittal angles by name, and ``"coronal_cobb"``, the largest lateral curve.
        curves: Lateral curves, the largest first; at least 10 degrees except the first.
    """

    vertebrae: tuple[VertebraMeasures, ...] = ()
    discs: tuple[DiscMeasures, ...] = ()
    angles: Mapping[str, Measurement] = field(default_factory=dict)
    curves: tuple[Curve, ...] = ()

    def __getitem__(self, name: str) -> VertebraMeasures:
        """The vertebra of a name such as ``"L1"``.

        Raises:
            KeyError: it was not there to measure.
        """
        for vertebra in self.vertebrae:
            if name_of(vertebra.label) == name.upper():
                return vertebra
        raise KeyError(name)

    def disc(self, upper: str, lower: str) -> DiscMeasures:
        """The disc between two vertebrae, e.g. ``disc("L4", "L5")``.

        Raises:
            KeyError: there is none.
        """
        for disc in self.discs:
            if (name_of(disc.upper), name_of(disc.lower)) == (upper.upper(), lower.upper()):
                return disc
        raise KeyError(f"{upper}/{lower}")

    def rows(self) -> Iterator[tuple[str, str, Measurement]]:
        """Every measurement as structure (``L1``, ``L1/L2``, ``spine``), name, measurement."""
        for vertebra in self.vertebrae:
            for name, value in vertebra.values.items():
                yield name_of(vertebra.label), name, value
        for disc in self.discs:
            for name, value in disc.values.items():
                yield f"{name_of(disc.upper)}/{name_of(disc.lower)}", name, value
        for name, value in self.angles.items():
            yield "spine", name, value

    def relabelled(self, new_labels: Mapping[int, int]) -> "Morphometry":
        """The same measurements under other names.

        What was measured stays; the angles, which are defined by names, are refused until somebody
        measures again.

        Args:
            new_labels: VerSe number now -> VerSe number wanted; others stay.
        """

        def new(label: int) -> int:
            return new_labels.get(label, label)

        if all(new(vertebra.label) == vertebra.label for vertebra in self.vertebrae):
            return self
        vertebrae = sorted(
            (replace(v, label=new(v.label)) for v in self.vertebrae), key=lambda v: RANK[v.label]
        )
        discs = tuple(replace(d, upper=new(d.upper), lower=new(d.lower)) for d in self.discs)
        curves = tuple(
            replace(c, upper=new(c.upper), lower=new(c.lower), angle=c.angle.without("end_vertebrae"))
            for c in self.curves
        )
        angles = {name: Measurement.refusal(m.unit, _RENAMED) for name, m in self.angles.items()}
        return replace(self, vertebrae=tuple(vertebrae), discs=discs, angles=angles, curves=curves)

    def to_dict(self) -> dict[str, Any]:
        """JSON values."""
        return {
            "schema_version": SCHEMA_VERSION,
            "program": {"name": "spondyl", "version": spondyl.__version__},
            "vertebrae": [
                {
                    "name": name_of(v.label),
                    "label": v.label,
                    "deformity": v.deformity,
                    "values": _values(v.values),
                    "landmarks_mm": {name: _point(point) for name, point in v.landmarks_mm.items()},
                }
                for v in self.vertebrae
            ],
            "discs": [
                {"upper": name_of(d.upper), "lower": name_of(d.lower), "values": _values(d.values)}
                for d in self.discs
            ],
            "angles": _values(self.angles),
            "curves": [
                {
                    "upper": name_of(c.upper),
                    "lower": name_of(c.lower),
                    "convex": c.convex,
                    "angle": c.angle.to_dict(),
                }
                for c in self.curves
            ],
        }

    def to_json(self, path: Path | str) -> None:
        """Write everything as JSON.

        Raises:
            OutputError: the file cannot be written.
        """
        write_text(path, json.dumps(self.to_dict(), indent=2, allow_nan=False) + "\n")

    def to_csv(self, path: Path | str) -> None:
        """Write one line per measurement: structure, name, value, unit, uncertainty, reason, remarks.

        Raises:
            OutputError: the file cannot be written.
        """
        import csv
        import io

        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(
            ["structure", "measurement", "value", "unit", "uncertainty", "refused", "reason", "remarks"]
        )
        for structure, name, m in self.rows():
            refused = ("", "") if m.refused is None else (m.refused.code, m.refused.message)
            remarks = " ".join(flag.code for flag in m.remarks)
            numbers = ("" if x is None else _rounded(x) for x in (m.value, m.uncertainty))
            value, uncertainty = numbers
            writer.writerow([structure, name, value, m.unit, uncertainty, *refused, remarks])
        write_text(path, text.getvalue())


def _values(values: Mapping[str, Measurement]) -> dict[str, Any]:
    return {name: value.to_dict() for name, value in values.items()}


def _point(point: tuple[float, float, float]) -> list[float]:
    return [round(value, 3) for value in point]


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(float(value), 4)
