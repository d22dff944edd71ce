"""What every archive can do, whichever protocol it speaks: be searched without patients, and give CTs."""

import logging
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

from spondyl.dicom.tags import number, text, words
from spondyl.errors import InputError, TransferError

if TYPE_CHECKING:
    from pydicom import Dataset

__all__ = ["Archive", "FoundStudy", "check_dates", "check_uid", "found_studies", "object_path", "series_uids"]

logger = logging.getLogger(__name__)

_UID: Final = re.compile(r"[0-9.]{1,64}")
_DATES: Final = re.compile(r"(\d{8})?(-(\d{8})?)?")


@dataclass(frozen=True)
class FoundStudy:
    """A study in an archive, without its patient.

    Attributes:
        uid: Study Instance UID.
        date: YYYYMMDD, or empty.
        modalities: Of its series, e.g. ``("CT", "SR")``.
        instances: How many, or ``None`` if the archive does not say.
    """

    uid: str
    date: str
    modalities: tuple[str, ...]
    instances: int | None


class Archive(Protocol):
    """Something that can be asked for studies and fetched from."""

    def find(self, dates: str = "", modality: str = "CT") -> list[FoundStudy]:
        """Studies of a day or of days (``YYYYMMDD-YYYYMMDD``; either end may be missing) with a modality.

        Raises:
            InputError: dates that are none.
            TransferError: the archive cannot be reached, or refuses.
        """
        ...

    def fetch(self, study: str, folder: Path, *, progress: Callable[[int], None] | None = None) -> list[Path]:
        """Write the CT objects of a study to ``folder/STUDY/SERIES/OBJECT.dcm``.

        Args:
            study: Study Instance UID.
            folder: Where to.
            progress: Called with the number of objects written.

        Raises:
            InputError: the UID is none.
            TransferError: the archive cannot be reached, refuses, or has no CT series of this study.
            OutputError: a file cannot be written.
        """
        ...


def check_dates(dates: str) -> str:
    """The same dates, if DICOM can understand them.

    Raises:
        InputError: not ``YYYYMMDD`` or ``YYYYMMDD-YYYYMMDD`` with one end or both.
    """
    if not _DATES.fullmatch(dates) or dates == "-":
        raise InputError(f"{dates!r}: expected a day YYYYMMDD, or days YYYYMMDD-YYYYMMDD")
    return dates


def check_uid(uid: str) -> str:
    """The same UID, if it is one: it becomes part of a path.

    Raises:
        InputError: it is none.
    """
    if not _UID.fullmatch(uid):
        raise InputError(f"{uid!r}: expected a DICOM UID, digits and dots")
    return uid


def series_uids(answers: "Iterable[Dataset]", where: object) -> list[str]:
    """The UIDs of the CT series of a study, each once, from the answers to a search.

    Raises:
        TransferError: there are none.
    """
    found = dict.fromkeys(filter(None, (text(answer, "SeriesInstanceUID") for answer in answers)))
    if not found:
        raise TransferError(f"{where} has no CT series of this study; check the Study Instance UID")
    return list(found)


def object_path(folder: Path, study: str, series: str, uid: str) -> Path:
    """Where an object goes; its UIDs come from the archive, so they are looked at.

    Raises:
        InputError: one of them is no UID.
    """
    return folder / check_uid(study) / check_uid(series) / f"{check_uid(uid)}.dcm"


def found_studies(answers: "Iterable[Dataset]", where: object) -> list[FoundStudy]:
    """The studies from the answers to a search; those without a UID cannot be asked for."""
    found, nameless = [], 0
    for answer in answers:
        if not (uid := text(answer, "StudyInstanceUID")):
            nameless += 1
            continue
        count = number(answer, "NumberOfStudyRelatedInstances")
        modalities = words(answer, "ModalitiesInStudy")
        found.append(
            FoundStudy(uid, text(answer, "StudyDate"), modalities, None if count is None else int(count))
        )
    if nameless:
        logger.warning("%s: %d answers without a Study Instance UID left out", where, nameless)
    return found
