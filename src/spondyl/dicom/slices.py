"""One file's header as data: what it is, and the slices in it."""

from dataclasses import dataclass
from typing import Final

from spondyl.dicom.sources import Source

__all__ = ["CT_CLASSES", "ENHANCED_CLASSES", "HOUNSFIELD", "Header", "Slice"]

ENHANCED_CLASSES: Final = ("1.2.840.10008.5.1.4.1.1.2.1", "1.2.840.10008.5.1.4.1.1.2.2")
"""Enhanced CT, and CT converted to it: many slices in a file."""

CT_CLASSES: Final = ("1.2.840.10008.5.1.4.1.1.2", *ENHANCED_CLASSES, "")
"""SOP classes that hold CT slices; some programs leave the class out."""

HOUNSFIELD: Final = ("", "HU", "US")
"""Rescale types of a CT; ``US`` is "unspecified", as some programs write it."""


@dataclass(frozen=True, slots=True)
class Slice:
    """One picture: a file, or a frame of a multi-frame file.

    Attributes:
        source: The file.
        sop_uid: SOP Instance UID.
        frame: Index of the frame, from 0; ``None`` in a file of one picture.
        order: Instance number, or that of the frame.
        position_mm: Centre of the first pixel, LPS+ (Image Position).
        axes: Directions in which the column and the row index grow, LPS+ (Image Orientation).
        pixel_mm: Distance of the rows, distance of the columns (Pixel Spacing).
        shape: Rows, columns.
        thickness_mm: Slice thickness, if known.
        rescale: Slope and intercept to HU.
        moments: Values that tell acquisitions over the same place apart, see
            :mod:`spondyl.dicom.duplicates`.
    """

    source: Source
    sop_uid: str
    frame: int | None
    order: float
    position_mm: tuple[float, ...]
    axes: tuple[float, ...]
    pixel_mm: tuple[float, ...]
    shape: tuple[int, int]
    thickness_mm: float | None
    rescale: tuple[float, float]
    moments: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Header:
    """What one file is.

    Attributes:
        source: The file.
        patient: From :func:`spondyl.dicom.tags.patient_key`.
        study_uid: Study Instance UID.
        series_uid: Series Instance UID.
        sop_class: SOP Class UID.
        sop_uid: SOP Instance UID.
        modality: E.g. ``"CT"``.
        number: Series number.
        description: Series description.
        image_type: E.g. ``("ORIGINAL", "PRIMARY", "AXIAL")``.
        kernel: Convolution kernel.
        unit: Rescale type; empty or ``"HU"`` for a CT.
        lossy: Compressed with loss.
        samples: Numbers per pixel.
        slices: Pictures whose place in the patient is known.
        trouble: Why there is none, or empty.
    """

    source: Source
    patient: str
    study_uid: str
    series_uid: str
    sop_class: str
    sop_uid: str
    modality: str
    number: int
    description: str
    image_type: tuple[str, ...]
    kernel: str
    unit: str
    lossy: bool
    samples: int
    slices: tuple[Slice, ...]
    trouble: str
