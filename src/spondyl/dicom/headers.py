"""Reading headers: cheap, bounded, and without the pixels."""

from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any, Final

from spondyl.dicom.deflated import inflated
from spondyl.dicom.multiframe import NO_RESCALE, frames_of
from spondyl.dicom.slices import CT_CLASSES, ENHANCED_CLASSES, Header, Slice
from spondyl.dicom.sources import Opener, Source, looks_like_dicom
from spondyl.dicom.tags import (
    READ_ERRORS,
    anonymous,
    flag,
    number,
    numbers,
    patient_key,
    pydicom_of,
    text,
    words,
)
from spondyl.errors import ImageError, SpondylError

__all__ = ["MOMENTS", "read_dataset", "read_header", "read_tags"]

MOMENTS: Final = (
    "TemporalPositionIdentifier",
    "TemporalPositionIndex",
    "AcquisitionNumber",
    "NominalPercentageOfCardiacPhase",
    "TriggerTime",
    "ConvolutionKernel",
    "ImageType",
)
"""What may tell apart pictures of the same place, the most telling first."""

MAX_PIXELS: Final = 1 << 26
"""Rows x columns; no CT has more than 4096 x 4096."""

MAX_HEADER: Final = 1 << 26
"""Bytes before the pixels; an enhanced CT of a whole body needs some 10 MB."""

_NOT_DECODED: Final = {
    "1.2.840.10008.1.2.4.51": "compressed as JPEG Extended (lossy, 12 bits), which is not decoded here;"
    " have it sent uncompressed or without loss",
}
"""Transfer syntaxes that are refused, with the reason."""

_TAGS: Final = [
    *("SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID", "Modality", "ImageType"),
    *("SeriesNumber", "SeriesDescription", "InstanceNumber", "RescaleType", "LossyImageCompression"),
    *("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing", "SliceThickness", "Rows", "Columns"),
    *("SamplesPerPixel", "RescaleSlope", "RescaleIntercept", "NumberOfFrames", "PixelRepresentation"),
    *("PatientID", "IssuerOfPatientID", "PatientName", "PatientBirthDate", "SpecificCharacterSet"),
    *("SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence"),
    *MOMENTS,
]


def read_dataset(source: Source, stream: IO[bytes], tags: list[str] | None = None) -> Any:
    """A pydicom data set up to its pixels, where the stream stands afterwards.

    Args:
        source: For messages.
        stream: The file, from :func:`spondyl.dicom.deflated.inflated`.
        tags: Keywords to read; ``None`` reads all.

    Raises:
        ImageError: not DICOM, truncated or damaged.
        MissingDependencyError: pydicom is not installed.
    """
    pydicom = pydicom_of(source.path)
    if not looks_like_dicom(stream.read(132)):
        raise ImageError(f"{source}: not a DICOM file")
    stream.seek(0)
    try:
        with pydicom.config.disable_value_validation():
            dataset = pydicom.dcmread(stream, force=True, stop_before_pixels=True, specific_tags=tags)
    except READ_ERRORS as error:
        raise ImageError(f"{source}: truncated or damaged DICOM ({type(error).__name__})") from error
    if "TransferSyntaxUID" not in dataset.file_meta:  # files from before there was a file header
        implicit, little = dataset.original_encoding
        syntax = pydicom.uid.ImplicitVRLittleEndian if implicit else pydicom.uid.ExplicitVRLittleEndian
        dataset.file_meta.TransferSyntaxUID = syntax if little else pydicom.uid.ExplicitVRBigEndian
    found = dataset.file_meta.TransferSyntaxUID
    if not isinstance(found, pydicom.uid.UID) or not found.is_transfer_syntax:
        raise ImageError(f"{source}: unknown transfer syntax; damaged header")
    if stream.tell() > MAX_HEADER:
        raise ImageError(f"{source}: a header of {stream.tell():,} bytes; damaged")
    return dataset


def read_tags(file: Path, tags: Sequence[str]) -> Any:
    """Some attributes of a file on disk, whatever it unfolds to.

    Raises:
        ImageError: not DICOM, truncated or damaged, or with a header larger than any.
        OSError: it cannot be read.
    """
    source = Source(file)
    with file.open("rb") as stream:
        return read_dataset(source, inflated(source, stream, MAX_HEADER, whole=False), [*tags])


def read_header(source: Source, opener: Opener) -> Header | None:
    """What a file is, or ``None`` if it is not DICOM.

    Raises:
        ImageError: DICOM, but damaged.
        MissingDependencyError: pydicom is not installed.
    """
    try:
        with opener.open(source) as stream:
            if not looks_like_dicom(stream.read(132)):
                return None
            stream.seek(0)
            dataset = read_dataset(source, inflated(source, stream, MAX_HEADER, whole=False), _TAGS)
    except SpondylError:
        raise
    except READ_ERRORS as error:
        raise ImageError(f"{source}: cannot be read ({type(error).__name__})") from error
    with pydicom_of(source.path).config.disable_value_validation():
        return _header(source, dataset)


def _header(source: Source, dataset: Any) -> Header | None:
    sop_class, modality = text(dataset, "SOPClassUID"), text(dataset, "Modality")
    if not modality and not sop_class:
        return None  # a DICOMDIR, or something that only begins like DICOM
    slices, trouble = _slices(source, dataset, sop_class, modality)
    return Header(
        source,
        patient_key(dataset),
        text(dataset, "StudyInstanceUID"),
        text(dataset, "SeriesInstanceUID"),
        sop_class,
        text(dataset, "SOPInstanceUID"),
        modality,
        flag(dataset, "SeriesNumber"),
        anonymous(text(dataset, "SeriesDescription"), dataset),
        tuple(word.upper() for word in words(dataset, "ImageType")),
        text(dataset, "ConvolutionKernel"),
        text(dataset, "RescaleType").upper(),
        text(dataset, "LossyImageCompression") == "01",
        flag(dataset, "SamplesPerPixel") or 1,
        slices,
        trouble,
    )


def _slices(source: Source, dataset: Any, sop_class: str, modality: str) -> tuple[tuple[Slice, ...], str]:
    """The pictures of a CT file, or why there is none."""
    if modality != "CT" or sop_class not in CT_CLASSES:
        return (), ""
    if dataset.file_meta.TransferSyntaxUID in _NOT_DECODED:
        return (), _NOT_DECODED[dataset.file_meta.TransferSyntaxUID]
    rows, columns = flag(dataset, "Rows"), flag(dataset, "Columns")
    if min(rows, columns) < 2 or rows * columns > MAX_PIXELS:
        return (), f"{rows} rows and {columns} columns"
    if sop_class in ENHANCED_CLASSES:
        return frames_of(source, dataset, (rows, columns))
    return _single(source, dataset, (rows, columns))


def _single(source: Source, dataset: Any, shape: tuple[int, int]) -> tuple[tuple[Slice, ...], str]:
    """The picture of a file of one frame."""
    if flag(dataset, "NumberOfFrames") > 1:
        return (), "several frames without their places"
    position = numbers(dataset, "ImagePositionPatient", 3)
    axes = numbers(dataset, "ImageOrientationPatient", 6)
    pixel = numbers(dataset, "PixelSpacing", 2)
    if position is None or axes is None or pixel is None:
        missing = [
            name
            for name, value in (("position", position), ("orientation", axes), ("pixel spacing", pixel))
            if value is None
        ]
        return (), f"no {' and no '.join(missing)} in the header"
    slope, intercept = number(dataset, "RescaleSlope"), number(dataset, "RescaleIntercept")
    if slope is None and intercept is None and not flag(dataset, "PixelRepresentation"):
        return (), NO_RESCALE
    only = Slice(
        source,
        text(dataset, "SOPInstanceUID"),
        None,
        number(dataset, "InstanceNumber") or 0.0,
        position,
        axes,
        pixel,
        shape,
        number(dataset, "SliceThickness"),
        (1.0 if slope is None else slope, intercept or 0.0),
        tuple(text(dataset, keyword) for keyword in MOMENTS),
    )
    return (only,), ""
