"""What may be told in logs and lists: our own words, without patients and without passwords."""

import re
import traceback
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from spondyl.dicom.headers import read_tags

__all__ = ["address", "anonymous", "told"]

_IDENTITY: Final = [
    "PatientName",
    "PatientID",
    "OtherPatientIDs",
    "PatientBirthDate",
    "AccessionNumber",
    "StudyInstanceUID",
    "SeriesInstanceUID",
    "SOPInstanceUID",
    "SeriesDescription",
    "StudyDescription",
    "PatientComments",
    "ReferringPhysicianName",
    "InstitutionName",
]
"""Attributes whose values are taken out of messages."""


def told(error: BaseException) -> str:
    """Kind and place of an error; its own words may hold anything, but for those of the operating system."""
    reason = error.strerror if isinstance(error, OSError) else None
    place = traceback.extract_tb(error.__traceback__)[-1:]
    where = "".join(f" in {Path(each.filename).name}:{each.lineno}" for each in place)
    return type(error).__name__ + (f" ({reason})" if reason else "") + where


def address(url: str) -> str:
    """A URL without name, password and query, any of which may hold a secret."""
    return re.sub(r"//[^/]*@", "//", re.split(r"[?#]", url, maxsplit=1)[0])


def anonymous(text: str, study: Path) -> str:
    """The text without the values of the headers that tell whose study it is, and without the folder."""
    for value in sorted(_values(sorted(study.glob("*"))), key=len, reverse=True):
        text = text.replace(value, "[...]")
    return text.replace(str(study), "study")


def _values(files: Iterable[Path]) -> set[str]:
    """Values that identify, and their words; short ones of plain letters are too common to be telling."""
    found: set[str] = set()
    for file in files:
        try:
            for element in read_tags(file, _IDENTITY):
                for value in element.value if element.VM > 1 else [element.value]:
                    found.update((str(value), *re.split(r"[\s^=]+", str(value))))
        except Exception:  # noqa: S112 - an unreadable header tells nobody's name
            continue
    return {value for value in found if len(value) > 2 or not value.isascii()}
