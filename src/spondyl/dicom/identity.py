"""De-identification of DICOM objects that leave the hospital."""

import hashlib
import hmac
import uuid
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any, Final, Literal

from pydicom import DataElement, Dataset, FileMetaDataset
from pydicom.datadict import dictionary_has_tag
from pydicom.multival import MultiValue
from pydicom.sr.codedict import codes
from pydicom.sr.coding import Code
from pydicom.uid import ImplicitVRLittleEndian

import spondyl
from spondyl.dicom.identity_rules import (
    CODING_SCHEMES,
    DUMMY,
    EMPTY,
    EMPTY_IN_REPORTS,
    GONE,
    GONE_GROUPS,
    IDENTIFYING_VRS,
    KEPT_BULK,
    KEPT_TEXT,
    KEPT_UIDS,
    OUR_TEXT,
)
from spondyl.errors import InputError

__all__ = ["Dates", "deidentify"]

Dates = Literal["remove", "shift", "keep"]
"""What becomes of dates and times."""

_SHORTEST_SECRET: Final = 16
_WORD: Final = "REMOVED"
_DUMMIES: Final = {"DA": "19000101", "TM": "000000", "DT": "19000101000000"}
_SHIFT_DAYS: Final = 3650
_IDENTITY: Final = ("PatientIdentityRemoved", "DeidentificationMethod", "DeidentificationMethodCodeSequence")


def deidentify(dataset: Dataset, secret: bytes, *, dates: Dates = "remove") -> Dataset:
    """A copy of an object without what tells whose it is.

    UIDs, the patient's ID and the shift of dates come from the secret alone: objects of one patient,
    study or series stay together, also when they are de-identified on different days or machines, and
    nobody can trace them back without the secret. Pixels are not looked at: text burned into them, or
    a face, stays.

    Args:
        dataset: CT, SEG, SR or RT structure set; not changed.
        secret: At least 16 bytes that nobody else knows.
        dates: Remove dates and times; shift dates by the same number of days (1 to 3650, backwards) for
            all objects of a patient, keeping times of the day; or keep both. The date of birth always goes.

    Raises:
        InputError: the secret is too short.
    """
    if len(secret) < _SHORTEST_SECRET:
        raise InputError(f"the secret has {len(secret)} bytes; at least {_SHORTEST_SECRET} are needed")
    scrubber = _Scrubber(dataset, secret, dates)
    new = scrubber.scrub(dataset)
    new.PatientName, new.PatientID = f"{scrubber.patient}^", scrubber.patient
    new.PatientBirthDate = new.PatientSex = ""
    _mark(new, dataset, dates, ours=scrubber.ours)
    meta = getattr(dataset, "file_meta", FileMetaDataset())
    new.file_meta = FileMetaDataset()
    new.file_meta.TransferSyntaxUID = meta.get("TransferSyntaxUID", ImplicitVRLittleEndian)
    for keyword in ("SOPClassUID", "SOPInstanceUID"):  # some files have them in their meta information alone
        if not new.get(keyword) and (value := meta.get(f"MediaStorage{keyword}")):
            setattr(new, keyword, scrubber.uids(keyword, value))
        setattr(new.file_meta, f"MediaStorage{keyword}", new.get(keyword))
    return new


def _mark(new: Dataset, old: Dataset, dates: Dates, *, ours: bool) -> None:
    """Say what was done (PS3.15 E.1.2), after what was done before."""
    methods = [codes.DCM.BasicApplicationConfidentialityProfile]
    if ours:
        methods += [
            Code("113104", "DCM", "Clean Structured Content Option"),
            Code("113105", "DCM", "Clean Descriptors Option"),
        ]
    if dates != "remove":
        number, how = ("113106", "Full") if dates == "keep" else ("113107", "Modified")
        methods.append(Code(number, "DCM", f"Retain Longitudinal Temporal Information {how} Dates Option"))
    new.PatientIdentityRemoved = "YES"
    before = old.get("DeidentificationMethod") or []
    before = [before] if isinstance(before, str) else list(before)
    new.DeidentificationMethod = [*before, f"Spondyl {spondyl.__version__}, PS3.15 E.1 2026c"]
    items = list(old.get("DeidentificationMethodCodeSequence") or [])
    for code in methods:
        item = Dataset()
        item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = code.value, "DCM", code.meaning
        items.append(item)
    new.DeidentificationMethodCodeSequence = items
    new.LongitudinalTemporalInformationModified = {"remove": "REMOVED", "shift": "MODIFIED"}.get(
        dates, "UNMODIFIED"
    )


class _Scrubber:
    """The rules, with what they need to know of one object.

    Attributes:
        ours: Whether Spondyl wrote the object.
        patient: A name for the patient that only the secret can tell.
    """

    def __init__(self, dataset: Dataset, secret: bytes, dates: Dates) -> None:
        self.ours = dataset.get("Manufacturer") == "Spondyl"
        self._report = dataset.get("Modality") == "SR"
        self._secret = secret
        self._dates = dates
        identity = f"{dataset.get('IssuerOfPatientID', '')}|{dataset.get('PatientID', '')}"
        if not dataset.get("PatientID"):  # patients without ID are not one patient
            identity = f"study|{dataset.get('StudyInstanceUID', '')}"
        self.patient = self._keyed("patient", identity).hex()[:16].upper()
        self._days = 1 + int.from_bytes(self._keyed("dates", identity)[:8]) % _SHIFT_DAYS

    def _keyed(self, purpose: str, text: str) -> bytes:
        return hmac.digest(self._secret, f"{purpose}|{text}".encode(), hashlib.sha256)

    def scrub(self, dataset: Dataset) -> Dataset:
        """A copy that holds what may stay."""
        new = Dataset()
        for element in self._elements(dataset):
            new.add(element)
        return new

    def _elements(self, dataset: Dataset) -> Iterator[DataElement]:
        for element in dataset:
            tag, keyword = element.tag, element.keyword
            if tag.is_private or not dictionary_has_tag(tag) or tag.group >> 8 in (0x50, 0x60):
                continue  # somebody's own, newer than we know, curves and overlays
            if keyword in ("PatientName", "PatientID", *_IDENTITY):
                continue  # set anew by the caller
            gone = self._must_go(element)
            kept = None if gone else self._kept(element)
            if kept is not None:
                yield DataElement(tag, element.VR, kept)
            elif keyword in DUMMY:
                yield DataElement(tag, element.VR, _DUMMIES.get(element.VR, _WORD))
            elif keyword in EMPTY and (self._report or keyword not in EMPTY_IN_REPORTS):
                yield DataElement(tag, element.VR, [] if element.VR == "SQ" else None)
            elif element.is_empty and not gone:
                yield DataElement(tag, element.VR, None)  # it tells nothing, and may have to be there

    def _must_go(self, element: DataElement) -> bool:
        keyword = element.keyword
        return (
            element.tag.group in GONE_GROUPS
            or keyword in GONE
            or (keyword in EMPTY and element.VR == "SQ")
            or keyword.startswith(("GPS", "Selector"))
        )

    def _kept(self, element: DataElement) -> Any:
        """What stays of a value; ``None`` for nothing."""
        keyword, vr, value = element.keyword, element.VR, element.value
        if vr == "SQ":
            items = [self.scrub(item) for item in value if _is_public(item)]
            return items if items or not value else None  # most are there with an item, or not at all
        if vr == "UI":
            return self.uids(keyword, value)
        if vr in _DUMMIES:
            return self._moment(vr, value)
        if vr in IDENTIFYING_VRS:
            allowed = keyword in KEPT_TEXT or (self.ours and keyword in OUR_TEXT)
            return value if allowed else None
        if vr in ("UN", "OB", "OW", "OB or OW", "OF", "OD", "OL", "OV"):
            return value if keyword in KEPT_BULK else None
        return value

    def uids(self, keyword: str, value: Any) -> Any:
        """Other UIDs for the same things; those of the standard and of classes stay."""
        if isinstance(value, MultiValue | list):
            return [self.uids(keyword, one) for one in value]
        if (
            not value
            or value.startswith("1.2.840.10008.")
            or keyword in KEPT_UIDS
            or keyword.endswith("SOPClassUID")
        ):
            return value
        number = uuid.UUID(bytes=self._keyed("uid", str(value))[:16], version=4).int
        return f"2.25.{number}"

    def _moment(self, vr: str, value: Any) -> Any:
        """A date, time or both, as asked for."""
        if isinstance(value, MultiValue | list):
            moved = [self._moment(vr, one) for one in value]
            return None if None in moved else moved
        text = str(value or "")
        if self._dates == "remove" or not text:
            return None
        if self._dates == "keep" or vr == "TM":
            return value
        try:
            day = date(int(text[:4]), int(text[4:6]), int(text[6:8])) - timedelta(self._days)
        except ValueError:
            return None  # not a whole date
        return f"{day:%Y%m%d}{text[8:]}"


def _is_public(item: Dataset) -> bool:
    """Whether an item is no code, or one of a public vocabulary."""
    scheme = item.get("CodingSchemeDesignator")
    return scheme is None or scheme in CODING_SCHEMES
