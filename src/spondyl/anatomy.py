"""Names, numbers, order, regions and colours of the vertebrae. Imports nothing heavy.

Numbers are those of the VerSe challenge (Sekuboyina et al. 2021): 1-7 C1-C7, 8-19 T1-T12,
20-25 L1-L6, 26 S1, 27 S2, 28 T13. The order from head to foot is *not* the numeric order:
T13 (28) stands between T12 (19) and L1 (20), and L6 (25) between L5 (24) and S1 (26).
"""

from enum import StrEnum
from typing import Final

from spondyl.errors import AnnotationError

__all__ = [
    "COLOURS",
    "LABEL_OF",
    "NAMES",
    "ORDER",
    "RANK",
    "SNOMED",
    "Region",
    "label_of",
    "levels_between",
    "name_of",
    "region_of",
]


class Region(StrEnum):
    """The part of the spine a vertebra belongs to."""

    CERVICAL = "cervical"
    THORACIC = "thoracic"
    LUMBAR = "lumbar"
    SACRAL = "sacral"


NAMES: Final[dict[int, str]] = {
    **{i: f"C{i}" for i in range(1, 8)},
    **{7 + i: f"T{i}" for i in range(1, 13)},
    **{19 + i: f"L{i}" for i in range(1, 7)},
    26: "S1",
    27: "S2",
    28: "T13",
}
"""VerSe number to name."""

LABEL_OF: Final[dict[str, int]] = {name: label for label, name in NAMES.items()}
"""Name to VerSe number."""

ORDER: Final[tuple[int, ...]] = (*range(1, 20), 28, *range(20, 28))
"""VerSe numbers from head to foot, T13 and L6 included."""

RANK: Final[dict[int, int]] = {label: rank for rank, label in enumerate(ORDER)}
"""Place of a VerSe number in :data:`ORDER`, 0 = C1."""

_REGIONS: Final[dict[str, Region]] = {
    "C": Region.CERVICAL,
    "T": Region.THORACIC,
    "L": Region.LUMBAR,
    "S": Region.SACRAL,
}


def name_of(label: int) -> str:
    """Name of a VerSe number, e.g. ``20`` -> ``"L1"``.

    Raises:
        AnnotationError: the number is not one of :data:`NAMES`.
    """
    try:
        return NAMES[int(label)]
    except (KeyError, ValueError):
        raise AnnotationError(f"{label!r} is not a VerSe vertebra number (1-28)") from None


def label_of(name: str) -> int:
    """VerSe number of a name, e.g. ``"L1"`` -> ``20``; upper or lower case.

    Raises:
        AnnotationError: the name is not one of C1-C7, T1-T13, L1-L6, S1, S2.
    """
    try:
        return LABEL_OF[name.strip().upper()]
    except KeyError:
        raise AnnotationError(f"{name!r} is not a vertebra name (C1-C7, T1-T13, L1-L6, S1, S2)") from None


def region_of(label: int) -> Region:
    """Region of a VerSe number."""
    return _REGIONS[name_of(label)[0]]


def levels_between(above: int, below: int) -> tuple[int, ...]:
    """Levels between two of one spine, head to foot, without T13 and L6: those need not be there."""
    rare = (LABEL_OF["T13"], LABEL_OF["L6"])
    return tuple(label for label in ORDER[RANK[above] + 1 : RANK[below]] if label not in rare)


def _colour(label: int) -> tuple[int, int, int]:
    """A hue that walks through its region, with light and dark levels alternating.

    Neighbours must be told apart at a glance, and a region recognised as one family.
    """
    import colorsys

    families = {  # region -> (first hue, last hue) in turns
        Region.CERVICAL: (0.00, 0.14),
        Region.THORACIC: (0.25, 0.60),
        Region.LUMBAR: (0.66, 0.88),
        Region.SACRAL: (0.92, 0.96),
    }
    region = region_of(label)
    family = [other for other in ORDER if region_of(other) is region]
    place = family.index(label)
    first, last = families[region]
    hue = first + (last - first) * place / max(len(family) - 1, 1)
    red, green, blue = colorsys.hsv_to_rgb(hue, 0.85, 1.0 if place % 2 == 0 else 0.72)
    return round(255 * red), round(255 * green), round(255 * blue)


COLOURS: Final[dict[int, tuple[int, int, int]]] = {label: _colour(label) for label in ORDER}
"""VerSe number to red, green, blue in 0-255; used by every picture, mask and report."""

_VERTEBRA_CODES = (
    # C1-C7
    *(14806007, 39976000, 113205007, 5329002, 36978003, 36054005, 87391001),
    # T1-T12
    *(64864005, 53733008, 1626008, 73071006, 56401006, 45296009),
    *(62487009, 11068009, 82687006, 7610001, 12989004, 23215003),
    # L1-L5
    *(66794005, 14293000, 36470004, 11994002, 49668003),
)

SNOMED: Final[dict[int, tuple[str, str]]] = {
    label: (str(code), f"{NAMES[label]} vertebra") for label, code in enumerate(_VERTEBRA_CODES, start=1)
} | dict.fromkeys((25, 26, 27, 28), ("51282000", "Vertebra"))
"""VerSe number to SNOMED CT code and meaning: DICOM PS3.16 CID 7603, which ends at L5.

L6, S1, S2 and T13 are not in it; they share the code of any vertebra.
"""
