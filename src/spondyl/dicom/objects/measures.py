"""Measurements in the words of DICOM: codes of what is measured, UCUM units, uncertainty, reasons."""

from collections.abc import Iterator, Mapping
from typing import Final

from highdicom.sr import Measurement as Item
from highdicom.sr import NumContentItem, RelationshipTypeValues, TextContentItem
from pydicom.sr.codedict import codes
from pydicom.sr.coding import Code

from spondyl.morphometry.result import Measurement

__all__ = ["MEASURED", "SCHEME", "UNITS", "comment", "number", "numbers", "remarks"]

SCHEME: Final = "99SPONDYL"
"""Designator of our own codes, for what no public scheme names exactly."""


def _own(value: str, meaning: str) -> Code:
    return Code(value, SCHEME, meaning)


MEASURED: Final[Mapping[str, Code]] = {
    "height_anterior": _own("HeightAnterior", "Anterior height of vertebral body"),
    "height_middle": _own("HeightMiddle", "Middle height of vertebral body"),
    "height_posterior": _own("HeightPosterior", "Posterior height of vertebral body"),
    "depth": _own("BodyDepth", "Depth of vertebral body"),
    "width": _own("BodyWidth", "Width of vertebral body"),
    "ratio_anterior_posterior": _own("RatioAntPost", "Ratio of anterior to posterior height"),
    "ratio_middle_posterior": _own("RatioMidPost", "Ratio of middle to posterior height"),
    "height_loss": _own("HeightLoss", "Largest share of expected height lost"),
    "genant_grade": _own("GenantGrade", "Genant grade suggested from heights"),
    "trabecular_hu": _own("TrabecularHU", "Mean attenuation of spongy bone of vertebral body"),
    "volume": codes.SCT.Volume,
    "disc_height_anterior": _own("DiscHeightAnt", "Anterior height of disc"),
    "disc_height_middle": _own("DiscHeightMid", "Middle height of disc"),
    "disc_height_posterior": _own("DiscHeightPost", "Posterior height of disc"),
    "disc_wedge": _own("DiscWedge", "Angle of disc, positive where taller in front"),
    "coronal_cobb": codes.SCT.CobbAngle,
    "thoracic_kyphosis_t4_t12": _own("KyphosisT4T12", "Thoracic kyphosis, T4 to T12"),
    "lumbar_lordosis_l1_s1": _own("LordosisL1S1", "Lumbar lordosis, L1 to S1"),
    "lumbar_lordosis_l1_l5": _own("LordosisL1L5", "Lumbar lordosis, L1 to L5"),
    "name_probability": _own("NameProbability", "Probability that the name is right"),
    "numbering_probability": _own("NumberingProb", "Probability that all names are right"),
    "vertebrae": _own("VertebraCount", "Number of vertebrae found"),
}
"""Name of a measurement to its code; those of discs with ``disc_`` before them."""

UNITS: Final[Mapping[str, Code]] = {
    "mm": codes.UCUM.Millimeter,
    "deg": codes.UCUM.Degree,
    "HU": codes.UCUM.HounsfieldUnit,
    "ml": Code("ml", "UCUM", "milliliter"),
    "grade": codes.UCUM.NoUnits,
    "1": codes.UCUM.NoUnits,
}
"""Unit of a measurement to its UCUM code."""


def number(name: str, value: float, unit: str = "1", uncertainty: float | None = None) -> Item:
    """One NUM item (TID 300), with one standard deviation to either side (TID 310) if it is known."""
    item = Item(name=MEASURED[name], value=round(float(value), 4), unit=UNITS[unit])
    if uncertainty is not None:
        # highdicom's MeasurementProperties always say "no units" here.
        item[0].ContentSequence = [
            NumContentItem(
                code,
                round(float(uncertainty), 4),
                UNITS[unit],
                relationship_type=RelationshipTypeValues.HAS_PROPERTIES,
            )
            for code in (
                Code("371886008", "SCT", "+, range of upper measurement uncertainty"),
                Code("371885007", "SCT", "-, range of lower measurement uncertainty"),
            )
        ]
    return item


def numbers(values: Mapping[str, Measurement], prefix: str = "") -> list[Item]:
    """The measurements that have a value."""
    return [
        number(prefix + name, m.value, m.unit, m.uncertainty)
        for name, m in values.items()
        if m.value is not None
    ]


def remarks(values: Mapping[str, Measurement], prefix: str = "") -> Iterator[str]:
    """What to know about measurements: each remark and reason of a refusal once, and what it is about."""
    about: dict[str, list[str]] = {}
    for name, m in values.items():
        meaning = MEASURED[prefix + name].meaning
        if m.refused is not None:
            about.setdefault(f"Not measured: {m.refused.message}", []).append(meaning)
        for flag in m.remarks:
            about.setdefault(flag.message, []).append(meaning)
    for message, meanings in about.items():
        yield f"{message} ({'; '.join(meanings)})"


def comment(text: str) -> TextContentItem:
    """A TEXT item."""
    return TextContentItem(codes.DCM.Comment, text, relationship_type=RelationshipTypeValues.CONTAINS)
