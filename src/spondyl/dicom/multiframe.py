"""Enhanced CT: one file, many frames, each with its place (DICOM PS3.3, C.7.6.16 and C.8.15.3)."""

from typing import Any, Final

from spondyl.dicom.slices import HOUNSFIELD, Slice
from spondyl.dicom.sources import Source
from spondyl.dicom.tags import READ_ERRORS, flag, number, numbers, text

__all__ = ["MAX_FRAMES", "NO_RESCALE", "frames_of"]

NO_RESCALE: Final = "unsigned values without a rescale to HU in the header"

MAX_FRAMES: Final = 20_000
"""Of one file; a whole body at 0.25 mm has 8,000 slices."""


def frames_of(source: Source, dataset: Any, shape: tuple[int, int]) -> tuple[tuple[Slice, ...], str]:
    """The frames of an enhanced CT, or why there are none."""
    count = flag(dataset, "NumberOfFrames")
    shared = _sequence(dataset, "SharedFunctionalGroupsSequence")
    own = _sequence(dataset, "PerFrameFunctionalGroupsSequence")
    if not 0 < count <= MAX_FRAMES:
        return (), f"{count} frames"
    if len(own) != count:
        return (), f"{count} frames, but the places of {len(own)}"
    common = shared[0] if shared else None
    slices = []
    for index, group in enumerate(own):
        frame = _frame(source, dataset, shape, index, (group, common))
        if isinstance(frame, str):
            return (), frame
        slices.append(frame)
    return tuple(slices), ""


def _frame(
    source: Source, dataset: Any, shape: tuple[int, int], index: int, groups: tuple[Any, Any]
) -> Slice | str:
    position = numbers(_item(groups, "PlanePositionSequence"), "ImagePositionPatient", 3)
    axes = numbers(_item(groups, "PlaneOrientationSequence"), "ImageOrientationPatient", 6)
    measures = _item(groups, "PixelMeasuresSequence")
    pixel = numbers(measures, "PixelSpacing", 2)
    if position is None or axes is None or pixel is None:
        return f"frame {index + 1} has no position, orientation or pixel spacing"
    values = _item(groups, "PixelValueTransformationSequence")
    slope, intercept = number(values, "RescaleSlope"), number(values, "RescaleIntercept")
    if text(values, "RescaleType").upper() not in HOUNSFIELD:
        return f"frame {index + 1} holds {text(values, 'RescaleType')}, not HU"
    if slope is None and intercept is None and not flag(dataset, "PixelRepresentation"):
        return NO_RESCALE
    content, kind = _item(groups, "FrameContentSequence"), _item(groups, "CTImageFrameTypeSequence")
    moments = (
        text(content, "TemporalPositionIndex"),
        text(content, "FrameAcquisitionNumber"),
        text(content, "NominalPercentageOfCardiacPhase"),
        text(_item(groups, "CTReconstructionSequence"), "ConvolutionKernel"),
        text(kind, "FrameType"),
        text(content, "StackID"),
    )
    return Slice(
        source,
        text(dataset, "SOPInstanceUID"),
        index,
        float(index),
        position,
        axes,
        pixel,
        shape,
        number(measures, "SliceThickness"),
        (1.0 if slope is None else slope, intercept or 0.0),
        moments,
    )


def _item(groups: tuple[Any, Any], keyword: str) -> Any:
    """The first item of a functional group, the frame's own before the shared one."""
    for group in groups:
        found = _sequence(group, keyword)
        if found:
            return found[0]
    return {}


def _sequence(dataset: Any, keyword: str) -> list[Any]:
    try:
        return list(dataset.get(keyword) or ()) if dataset is not None else []
    except READ_ERRORS:
        return []
