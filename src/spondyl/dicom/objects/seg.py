"""DICOM Segmentation objects (PS3.3 A.51): every vertebra a named and coloured segment."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import numpy as np
from highdicom.seg import Segmentation, SegmentDescription
from pydicom import Dataset
from pydicom.sr.codedict import codes

from spondyl.anatomy import NAMES, ORDER
from spondyl.dicom.objects.codes import (
    Algorithm,
    colour_of,
    is_general,
    region_code,
    vertebra_code,
)
from spondyl.dicom.objects.files import save
from spondyl.dicom.objects.headers import (
    Headers,
    content_uid,
    derived_head,
    describe,
    nameless,
    prepared,
    settle_times,
    time_of,
    tracking_uid,
)
from spondyl.dicom.objects.planes import labels_on, planes_of
from spondyl.errors import AnnotationError
from spondyl.spine import Spine

__all__ = ["seg_of", "write_seg"]


def write_seg(
    spine: Spine, headers: Headers, path: Path | str, *, labelmap: bool = False, when: datetime | None = None
) -> None:
    """Write :func:`seg_of` to a file.

    Raises:
        AnnotationError: no voxel belongs to a vertebra.
        ImageError: the headers do not say what is needed.
        OutputError: the file cannot be written.
    """
    save(seg_of(spine, headers, labelmap=labelmap, when=when), path)


def seg_of(
    spine: Spine, headers: Headers, *, labelmap: bool = False, when: datetime | None = None
) -> Segmentation:
    """The mask of a spine as a DICOM Segmentation.

    Frames are those of the source images, see :func:`spondyl.dicom.objects.planes.labels_on`; those
    without a vertebra are left out. The same input gives the same object, UIDs included.

    Args:
        spine: With its mask.
        headers: Of the series that was segmented, without pixels; any order of slices.
        labelmap: One frame per slice whose values are VerSe numbers (Label Map Segmentation Storage,
            DICOM 2024), instead of one bit per pixel and vertebra, which more programs read.
        when: Local time of the object; by default that of the series, so that nothing depends on the clock.

    Raises:
        AnnotationError: no voxel belongs to a vertebra; a segmentation needs a segment.
        ImageError: the headers do not say what is needed.
    """
    sources = prepared(headers)
    if spine.mask is None or not spine.mask.data.any():
        raise AnnotationError("a DICOM SEG needs a segment, and no voxel belongs to a vertebra")
    pixels = labels_on(planes_of(sources), spine.mask)
    present = np.bincount(pixels.ravel(), minlength=256)
    labels = [label for label in (sorted(ORDER) if labelmap else ORDER) if present[label]]
    numbers = {label: label if labelmap else place for place, label in enumerate(labels, start=1)}
    table = np.zeros(256, np.uint8)
    table[labels] = [numbers[label] for label in labels]
    pixels = table[pixels]
    when = when or time_of(sources[0])
    kind = "LABELMAP" if labelmap else "BINARY"
    content = (kind, *describe(spine, sources, when))
    algorithm = Algorithm(spine)
    segmentation = Segmentation(
        source_images=nameless(sources),
        pixel_array=pixels,
        segmentation_type=kind,
        segment_descriptions=[_segment(label, numbers[label], algorithm, sources[0]) for label in labels],
        content_label="VERTEBRAE",
        content_description="Vertebrae",
        **derived_head(sources[0], content, 2 if labelmap else 1, when, algorithm.serial),
    )
    segmentation.PatientName = sources[0].PatientName
    return _settled(segmentation, content, when)


def _segment(label: int, number: int, algorithm: Algorithm, source: Dataset) -> SegmentDescription:
    """One vertebra; what CID 7603 has no code for is told apart by its label and its region."""
    code = vertebra_code(label)
    return SegmentDescription(
        segment_number=number,
        segment_label=NAMES[label],
        segmented_property_category=codes.SCT.AnatomicalStructure,
        segmented_property_type=code,
        algorithm_type=algorithm.kind,
        algorithm_identification=algorithm.identification(),
        tracking_uid=tracking_uid(source, label),
        tracking_id=NAMES[label],
        anatomic_regions=[region_code(label)] if is_general(code) else None,
        display_color=colour_of(label),
    )


def _settled(segmentation: Segmentation, content: Sequence[str], when: datetime) -> Segmentation:
    """Without what highdicom draws at random or takes from the clock."""
    uid = content_uid("dimensions", *content)
    for item in (*segmentation.DimensionOrganizationSequence, *segmentation.DimensionIndexSequence):
        item.DimensionOrganizationUID = uid
    settle_times(segmentation, when)
    return segmentation
