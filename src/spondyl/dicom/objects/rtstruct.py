"""DICOM RT structure sets (PS3.3 A.19): every vertebra a region of closed planar contours."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
from highdicom.sr import CodedConcept
from pydicom import Dataset, FileMetaDataset
from pydicom.uid import ImplicitVRLittleEndian, RTStructureSetStorage
from scipy import ndimage

import spondyl
from spondyl.anatomy import COLOURS, NAMES, ORDER
from spondyl.dicom.objects.codes import MANUFACTURER, Algorithm, vertebra_code
from spondyl.dicom.objects.contours import outlines
from spondyl.dicom.objects.files import save
from spondyl.dicom.objects.headers import (
    Headers,
    content_uid,
    describe,
    prepared,
    series_number,
    settle_times,
    time_of,
)
from spondyl.dicom.objects.planes import Plane, labels_on, planes_of
from spondyl.errors import AnnotationError
from spondyl.spine import Spine

__all__ = ["rtstruct_of", "write_rtstruct"]

_INHERITED: Final = (
    *(
        "PatientName",
        "PatientID",
        "IssuerOfPatientID",
        "PatientBirthDate",
        "PatientSex",
        "PatientAge",
        "PatientSize",
    ),
    *("PatientWeight", "PatientIdentityRemoved", "DeidentificationMethod"),
    *("DeidentificationMethodCodeSequence", "StudyInstanceUID", "StudyDate", "StudyTime", "StudyID"),
    *("AccessionNumber", "ReferringPhysicianName", "StudyDescription"),
    *("FrameOfReferenceUID", "PositionReferenceIndicator"),
)


def write_rtstruct(spine: Spine, headers: Headers, path: Path | str, *, when: datetime | None = None) -> None:
    """Write :func:`rtstruct_of` to a file.

    Raises:
        AnnotationError: no voxel belongs to a vertebra.
        ImageError: the headers do not say what is needed.
        OutputError: the file cannot be written.
    """
    save(rtstruct_of(spine, headers, when=when), path)


def rtstruct_of(spine: Spine, headers: Headers, *, when: datetime | None = None) -> Dataset:
    """The mask of a spine as an RT structure set.

    Contours lie in the planes of the source images, in LPS+ mm, and fill to exactly the mask's
    pixels (see :mod:`spondyl.dicom.objects.contours`). The same input gives the same object, UIDs
    included.

    Args:
        spine: With its mask.
        headers: Of the series that was segmented, without pixels; any order of slices.
        when: Local time of the object; by default that of the series, so that nothing depends on the clock.

    Raises:
        AnnotationError: no voxel belongs to a vertebra; a structure set needs a region.
        ImageError: the headers do not say what is needed.
    """
    sources = prepared(headers)
    if spine.mask is None or not spine.mask.data.any():
        raise AnnotationError("an RT structure set needs a region, and no voxel belongs to a vertebra")
    when = when or time_of(sources[0])
    planes = planes_of(sources)
    labels = labels_on(planes, spine.mask)
    dataset = _structure_set(sources, ("RTSTRUCT", *describe(spine, sources, when)), when)
    algorithm = Algorithm(spine)
    boxes = ndimage.find_objects(labels, max_label=max(ORDER))
    present = [label for label in ORDER if boxes[label - 1] is not None]
    regions = list(enumerate(present, start=1))
    frame = sources[0].FrameOfReferenceUID
    dataset.DeviceSerialNumber = algorithm.serial
    dataset.StructureSetROISequence = [_region(number, label, frame, algorithm) for number, label in regions]
    dataset.ROIContourSequence = [
        _contours(number, label, _slices(label, labels, boxes[label - 1]), planes)
        for number, label in regions
    ]
    dataset.RTROIObservationsSequence = [_observation(number, label) for number, label in regions]
    return dataset


def _structure_set(sources: Sequence[Dataset], content: Sequence[str], when: datetime) -> Dataset:
    """Everything but the regions."""
    dataset = Dataset()
    dataset.SpecificCharacterSet = "ISO_IR 192"
    dataset.file_meta = FileMetaDataset()
    # A contour may be longer than the 64 KiB that an explicit DS can hold.
    dataset.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian
    for keyword in _INHERITED:
        if keyword in sources[0]:
            dataset.add(sources[0][keyword])
    dataset.SOPClassUID = RTStructureSetStorage
    dataset.SOPInstanceUID = content_uid("instance", *content)
    dataset.SeriesInstanceUID = content_uid("series", *content)
    dataset.Modality, dataset.SeriesNumber, dataset.InstanceNumber = (
        "RTSTRUCT",
        series_number(sources[0], 4),
        1,
    )
    dataset.SeriesDescription, dataset.OperatorsName = "Vertebrae", ""
    dataset.Manufacturer = dataset.ManufacturerModelName = MANUFACTURER
    dataset.SoftwareVersions = spondyl.__version__
    dataset.StructureSetLabel = "VERTEBRAE"
    dataset.SeriesDate = dataset.StructureSetDate = f"{when:%Y%m%d}"
    dataset.SeriesTime = dataset.StructureSetTime = f"{when:%H%M%S}"
    settle_times(dataset, when)
    series, study, place = Dataset(), Dataset(), Dataset()
    series.SeriesInstanceUID = sources[0].SeriesInstanceUID
    series.ContourImageSequence = [_image(source, None) for source in sources]
    study.ReferencedSOPClassUID = "1.2.840.10008.3.1.2.3.1"  # Detached Study Management, as PS3.3 wants
    study.ReferencedSOPInstanceUID = sources[0].StudyInstanceUID
    study.RTReferencedSeriesSequence = [series]
    place.FrameOfReferenceUID = sources[0].FrameOfReferenceUID
    place.RTReferencedStudySequence = [study]
    dataset.ReferencedFrameOfReferenceSequence = [place]
    return dataset


def _region(number: int, label: int, frame: str, algorithm: Algorithm) -> Dataset:
    region = Dataset()
    region.ROINumber, region.ReferencedFrameOfReferenceUID, region.ROIName = number, frame, NAMES[label]
    region.ROIGenerationAlgorithm = algorithm.kind
    region.ROIGenerationDescription = f"{algorithm.name} {algorithm.version}"
    return region


def _slices(
    label: int, labels: npt.NDArray[np.uint8], box: tuple[slice, ...]
) -> Iterator[tuple[int, npt.NDArray[np.float64]]]:
    """Frame and outline, in pixels, of every part of a vertebra in every frame."""
    frames, rows, columns = box
    for number in range(frames.start, frames.stop):
        for outline in outlines(labels[number, rows, columns] == label):
            yield number, outline + np.array([rows.start, columns.start])


def _contours(
    number: int,
    label: int,
    slices: Iterator[tuple[int, npt.NDArray[np.float64]]],
    planes: Sequence[Plane],
) -> Dataset:
    item = Dataset()
    item.ReferencedROINumber = number
    item.ROIDisplayColor = list(COLOURS[label])
    item.ContourSequence = []
    for place, outline in slices:
        contour = Dataset()
        contour.ContourImageSequence = [_image(planes[place].source, planes[place].frame)]
        contour.ContourGeometricType = "CLOSED_PLANAR"
        contour.NumberOfContourPoints = len(outline)
        points = np.round(planes[place].to_lps(outline), 3) + 0.0  # + 0.0: no "-0"
        contour.ContourData = [f"{value:.3f}" for value in points.ravel()]
        item.ContourSequence.append(contour)
    return item


def _observation(number: int, label: int) -> Dataset:
    item = Dataset()
    item.ObservationNumber = item.ReferencedROINumber = number
    item.RTROIInterpretedType, item.ROIInterpreter = "ORGAN", ""
    item.RTROIIdentificationCodeSequence = [CodedConcept.from_code(vertebra_code(label))]
    return item


def _image(source: Dataset, frame: int | None) -> Dataset:
    item = Dataset()
    item.ReferencedSOPClassUID = source.SOPClassUID
    item.ReferencedSOPInstanceUID = source.SOPInstanceUID
    if frame is not None:
        item.ReferencedFrameNumber = frame
    return item
