"""The headers of a source series, completed so that new objects can be derived from them."""

import hashlib
import json
import logging
import uuid
from collections.abc import Sequence
from copy import deepcopy
from datetime import datetime
from typing import Any, Final, Protocol

from pydicom import Dataset

import spondyl
from spondyl.dicom.objects.codes import MANUFACTURER
from spondyl.errors import ImageError
from spondyl.spine import Spine, Vertebra

__all__ = [
    "HasHeaders",
    "Headers",
    "content_uid",
    "derived_head",
    "describe",
    "nameless",
    "prepared",
    "series_number",
    "settle_times",
    "time_of",
    "tracking_uid",
]

logger = logging.getLogger(__name__)


class HasHeaders(Protocol):
    """A series that was read: see :attr:`datasets`."""

    @property
    def datasets(self) -> Sequence[Dataset]:
        """Headers without pixels, in the order of the slices."""


Headers = Sequence[Dataset] | HasHeaders
"""A source series: its headers, or what holds them."""

_BLANK: Final = (  # type 2 of the Patient and General Study modules: there, if only empty
    *("PatientID", "PatientName", "PatientBirthDate", "PatientSex", "StudyDate", "StudyTime"),
    *("StudyID", "AccessionNumber", "ReferringPhysicianName"),
)
_NEEDED: Final = ("SOPClassUID", "SOPInstanceUID", "Rows", "Columns")
_OF_SERIES: Final = ("StudyInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID")
_CHANGED: Final = ("SharedFunctionalGroupsSequence",)  # highdicom adds to it
_PIXELS: Final = ("PixelData", "FloatPixelData", "DoubleFloatPixelData", "OverlayData")
_NAMESPACE: Final = uuid.UUID("7d0dcb1c-4f4b-5d0c-9d33-2f0e6a8b5c11")  # drawn once, for ever


def prepared(headers: Headers) -> list[Dataset]:
    """Copies of headers with everything that derived objects inherit; each instance once.

    Empty attributes stand in for missing ones where the standard allows it. The sex is left out if it
    is not one of the standard's words, and so is the spacing between slices, to which some scanners give a
    sign; positions tell it. UIDs of the instance are taken from the file's meta information where the
    data set has none. Missing UIDs of study, series and frame of reference, as careless
    anonymisation leaves them, are derived from the instances, with a warning.

    Args:
        headers: Of one series; single-frame or multi-frame.

    Raises:
        ImageError: none given, one that lacks what identifies it, or several multi-frame instances.
    """
    datasets = headers if isinstance(headers, Sequence) else headers.datasets
    ready = list({str(copy.SOPInstanceUID): copy for copy in map(_completed, datasets)}.values())
    if not ready:
        raise ImageError("a DICOM object needs the headers of the series it is derived from; there are none")
    if len(ready) > 1 and "PerFrameFunctionalGroupsSequence" in ready[0]:
        raise ImageError(
            "no object can be derived from a series of several multi-frame images; join them into one"
            " file, or choose formats that are not DICOM"
        )
    instances = sorted(str(source.SOPInstanceUID) for source in ready)
    for keyword in _OF_SERIES:
        if not all(source.get(keyword) for source in ready):
            logger.warning("%s is missing in the series; one is derived from its instances", keyword)
            uid = content_uid(keyword, *instances)
            for source in ready:
                _put(source, keyword, uid)
    return ready


def nameless(sources: Sequence[Dataset]) -> list[Dataset]:
    """Copies without the patient's name, for highdicom, which warns about names it finds unusual."""
    copies = []
    for source in sources:
        copies.append(Dataset())
        copies[-1].update(source)
        _put(copies[-1], "PatientName", "")
    return copies


def _completed(dataset: Dataset) -> Dataset:
    copy = Dataset()
    for element in dataset:
        if not element.tag.is_private and element.keyword not in _PIXELS:
            copy.add(deepcopy(element) if element.keyword in _CHANGED else element)
    meta = getattr(dataset, "file_meta", Dataset())
    for keyword in ("SOPClassUID", "SOPInstanceUID"):
        if not copy.get(keyword):
            _put(copy, keyword, meta.get(f"MediaStorage{keyword}"))
    missing = [keyword for keyword in _NEEDED if not copy.get(keyword)]
    if missing:
        name = getattr(dataset, "filename", None) or "a DICOM header"
        raise ImageError(f"{name}: lacks {', '.join(missing)}; nothing can be derived from it")
    for keyword in _BLANK:
        if keyword not in copy:
            _put(copy, keyword, "")
    copy.pop("SpacingBetweenSlices", None)
    if copy.PatientSex not in ("", "M", "F", "O"):
        _put(copy, "PatientSex", "")
    return copy


def _put(copy: Dataset, keyword: str, value: str | None) -> None:
    """Set an attribute anew: the element there may be the source's own."""
    copy.pop(keyword, None)
    setattr(copy, keyword, value)


def content_uid(*parts: str | bytes) -> str:
    """A UID that the same content always gets: a name-based UUID (RFC 9562) under ``2.25`` (PS3.5 B.2)."""
    digest = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        digest.update(len(data).to_bytes(8))
        digest.update(data)
    return f"2.25.{uuid.uuid5(_NAMESPACE, digest.hexdigest()).int}"


def describe(spine: Spine, sources: Sequence[Dataset], when: datetime) -> tuple[str, ...]:
    """Everything an object is derived from, for :func:`content_uid`.

    Args:
        spine: Vertebrae, mask and model; engine and seconds do not count, only what came out.
        sources: Headers, from :func:`prepared`.
        when: Time of the object.
    """
    model = {key: dict(spine.provenance.get("model") or {}).get(key) for key in ("name", "sha256")}
    numbers = [(v.label, v.centroid_mm, v.probability, _flags(v)) for v in spine]
    scan = [spine.numbering_probability, [vars(other) for other in spine.alternatives], _flags(spine)]
    mask = None
    if spine.mask is not None:
        voxels = hashlib.sha256(spine.mask.data.tobytes()).hexdigest()
        mask = [voxels, spine.mask.grid.shape, spine.mask.grid.affine.tolist()]
    return (
        *(str(sources[0][keyword].value) for keyword in ("StudyInstanceUID", "SeriesInstanceUID")),
        *(str(source.SOPInstanceUID) for source in sources),
        when.isoformat(),
        json.dumps([spondyl.__version__, model, numbers, scan, mask], sort_keys=True, default=str),
    )


def _flags(about: Spine | Vertebra) -> list[tuple[str, str]]:
    return [(flag.code, flag.message) for flag in about.flags]


def time_of(source: Dataset) -> datetime:
    """When a scan was made, as well as its header says: of the series, else of the study, else 1900."""
    for kind in ("Series", "Study", "Acquisition", "Content"):
        day, clock = str(source.get(f"{kind}Date") or ""), str(source.get(f"{kind}Time") or "")
        try:
            return datetime.strptime(f"{day}{clock[:6] or '000000'}", "%Y%m%d%H%M%S")  # noqa: DTZ007 - DICOM's local time
        except ValueError:
            continue
    return datetime(1900, 1, 1)  # noqa: DTZ001 - DICOM's local time


def settle_times(dataset: Dataset, when: datetime) -> None:
    """Put one time wherever highdicom asked the clock."""
    dataset.InstanceCreationDate, dataset.InstanceCreationTime = f"{when:%Y%m%d}", f"{when:%H%M%S}"
    for item in dataset.get("ContributingEquipmentSequence", []):
        if "highdicom" in str(item.get("ManufacturerModelName", "")).lower():
            item.ContributionDateTime = f"{when:%Y%m%d%H%M%S}"


def series_number(source: Dataset, kind: int) -> int:
    """A number for a derived series: that of its source, two digits further."""
    number = source.get("SeriesNumber")
    return (abs(int(number)) % 10_000_000 if number else 0) * 100 + 60 + kind


def derived_head(
    source: Dataset, content: Sequence[str], kind: int, when: datetime, serial: str
) -> dict[str, Any]:
    """What highdicom is told of an object as an instance of a series of its own.

    Args:
        source: Of the series it is derived from, from :func:`prepared`.
        content: All that it is made from, for its UIDs.
        kind: Last digit of its series number.
        when: Its time.
        serial: Tells one training of the model from another.
    """
    return {
        "series_instance_uid": content_uid("series", *content),
        "series_number": series_number(source, kind),
        "sop_instance_uid": content_uid("instance", *content),
        "instance_number": 1,
        "manufacturer": MANUFACTURER,
        "manufacturer_model_name": MANUFACTURER,
        "software_versions": spondyl.__version__,
        "device_serial_number": serial,
        "content_date": when.date(),
        "content_time": when.time(),
        "series_date": when.date(),
        "series_time": when.time(),
        "series_description": "Vertebrae",
        "specific_character_set": "ISO_IR 192",
    }


def tracking_uid(source: Dataset, label: int) -> str:
    """The UID by which one vertebra is known in every object derived from a series."""
    return content_uid("vertebra", str(source.SeriesInstanceUID), str(label))
