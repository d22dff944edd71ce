"""The measurements in ``result.json``; what they mean is in ``docs/measurements.md``.

:mod:`spondyl.morphometry.result` is what the program works with; the models here check what comes
in from a file and describe it in the JSON Schema. Both write the same JSON, by
:meth:`Morphometry.to_dict`.
"""

from collections.abc import Collection, Mapping
from typing import Final, Literal, Self

from pydantic import Field

from spondyl.anatomy import label_of
from spondyl.morphometry.result import Curve, DiscMeasures, Measurement, Morphometry, VertebraMeasures
from spondyl.result_parts import Part, PointMm, Remark

__all__ = ["MeasuredCurve", "MeasuredDisc", "MeasuredValue", "MeasuredVertebra", "Measurements"]


class MeasuredValue(Part):
    """One number, or the reason why there is none."""

    value: float | None = Field(description="In the unit; null where it was refused.")
    unit: str = Field(description="mm, deg, HU, ml, grade, or 1 for a ratio.")
    uncertainty: float | None = Field(None, description="One standard deviation; null where not estimated.")
    refused: Remark | None = Field(None, description="Why there is no value.")
    remarks: tuple[Remark, ...] = Field((), description="What to know before using the value.")

    def to_measurement(self) -> Measurement:
        """The measurement as it was, rounded."""
        refused = None if self.refused is None else self.refused.to_flag()
        remarks = tuple(remark.to_flag() for remark in self.remarks)
        return Measurement(self.value, self.unit, self.uncertainty, refused, remarks)


Values = dict[str, MeasuredValue]


_CHANGED: Final = {
    "value": None,
    "uncertainty": None,
    "refused": Remark(
        code="corrected", message="Vertebrae were corrected by hand; measure again with the scan."
    ),
    "remarks": (),
}


class MeasuredVertebra(Part):
    """Measurements of one vertebra."""

    name: str
    deformity: Literal["wedge", "biconcave", "crush"] | None = Field(
        description="Suggested type, where it has lost 20 % of its height or more."
    )
    values: Values = Field(description="Name of the measurement to its value.")
    landmarks_mm: dict[str, PointMm] = Field(
        {}, description="Points of the endplates between which heights are measured, x, y, z in RAS+ mm."
    )


class MeasuredDisc(Part):
    """Measurements of the disc between two vertebrae."""

    upper: str = Field(description="Name of the vertebra above.")
    lower: str = Field(description="Name of the vertebra below.")
    values: Values


class MeasuredCurve(Part):
    """A lateral curve of the spine."""

    upper: str = Field(description="Name of the upper end vertebra.")
    lower: str = Field(description="Name of the lower end vertebra.")
    convex: Literal["left", "right"] = Field(description="Side of the patient to which it bulges.")
    angle: MeasuredValue = Field(description="Cobb angle.")


class Measurements(Part):
    """Everything measured in one scan."""

    vertebrae: tuple[MeasuredVertebra, ...] = Field((), description="Head to foot.")
    discs: tuple[MeasuredDisc, ...] = Field((), description="Head to foot.")
    angles: Values = Field({}, description="Of the spine as a whole.")
    curves: tuple[MeasuredCurve, ...] = Field((), description="Lateral curves, the largest first.")

    @classmethod
    def of(cls, found: Morphometry) -> Self:
        """Describe what was measured, rounded to what can mean anything."""
        content = found.to_dict()
        vertebrae = [{key: row[key] for key in MeasuredVertebra.model_fields} for row in content["vertebrae"]]
        return cls.model_validate({**{key: content[key] for key in cls.model_fields}, "vertebrae": vertebrae})

    def to_morphometry(self) -> Morphometry:
        """What was measured, rounded."""
        return Morphometry(
            tuple(
                VertebraMeasures(label_of(v.name), _read(v.values), v.deformity, v.landmarks_mm)
                for v in self.vertebrae
            ),
            tuple(DiscMeasures(label_of(d.upper), label_of(d.lower), _read(d.values)) for d in self.discs),
            _read(self.angles),
            tuple(
                Curve(label_of(c.upper), label_of(c.lower), c.angle.to_measurement(), c.convex)
                for c in self.curves
            ),
        )

    def without(self, names: Collection[str]) -> Self:
        """The same without some vertebrae; what lies across them is refused until somebody measures again."""
        return self.model_copy(
            update={
                "vertebrae": tuple(v for v in self.vertebrae if v.name not in names),
                "discs": tuple(d for d in self.discs if d.upper not in names and d.lower not in names),
                "angles": {name: v.model_copy(update=_CHANGED) for name, v in self.angles.items()},
                "curves": (),
            }
        )

    def relabelled(self, new_labels: Mapping[int, int]) -> Self:
        """The same under other names, see :meth:`Morphometry.relabelled`."""
        return self.of(self.to_morphometry().relabelled(new_labels))


def _read(values: Values) -> dict[str, Measurement]:
    return {name: value.to_measurement() for name, value in values.items()}
