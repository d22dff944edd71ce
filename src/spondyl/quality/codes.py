"""All flags by code: how much each matters, and a short title."""

from enum import StrEnum
from typing import Final, NamedTuple

from spondyl.flag import Flag

__all__ = ["ABOUT_NAMES", "CODES", "Code", "Severity", "severity_of", "title_of"]


class Severity(StrEnum):
    """How much a flag matters."""

    CHECK = "check"
    """The result may be wrong: look before using it."""

    NOTE = "note"
    """The result holds, with the restriction named."""


class Code(NamedTuple):
    """What is known about a flag before any scan is seen.

    Attributes:
        severity: How much it matters.
        title: A few words, e.g. for a badge.
    """

    severity: Severity
    title: str


_CHECK, _NOTE = Severity.CHECK, Severity.NOTE

CODES: Final[dict[str, Code]] = {
    "no_spine": Code(_CHECK, "nothing found"),
    "spine_doubtful": Code(_CHECK, "perhaps no spine"),
    "orientation_doubtful": Code(_CHECK, "orientation doubtful"),
    "not_hounsfield": Code(_CHECK, "not Hounsfield units"),
    "numbering_uncertain": Code(_CHECK, "numbering uncertain"),
    "enumeration_anomaly": Code(_CHECK, "unusual number of vertebrae"),
    "gap": Code(_CHECK, "gap"),
    "inferred": Code(_CHECK, "not seen by itself"),
    "spacing_outlier": Code(_CHECK, "unusual spacing"),
    "mask_missing": Code(_CHECK, "mask missing"),
    "series": Code(_NOTE, "series put right"),
    "motion": Code(_CHECK, "movement"),
    "noise": Code(_NOTE, "noise"),
    "implant": Code(_NOTE, "metal"),
    "partly_visible": Code(_NOTE, "partly visible"),
    "too_small": Code(_NOTE, "too small"),
    "corrected": Code(_NOTE, "corrected by hand"),
}
"""Every code that a scan or a vertebra can carry, the gravest first."""

ABOUT_NAMES: Final = frozenset(
    ("numbering_uncertain", "enumeration_anomaly", "spine_doubtful", "gap", "spacing_outlier")
)
"""Codes that speak of the names, and so hold no longer when the names change."""


def severity_of(flag: Flag) -> Severity:
    """How much a flag matters; one that is not known is worth a look."""
    return CODES[flag.code].severity if flag.code in CODES else Severity.CHECK


def title_of(flag: Flag) -> str:
    """A few words for a flag."""
    return CODES[flag.code].title if flag.code in CODES else flag.code.replace("_", " ")
