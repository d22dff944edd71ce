"""A CT series as a volume."""

import logging
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from spondyl.dicom.archive import ARCHIVE_ERRORS
from spondyl.dicom.choose import choose_series
from spondyl.dicom.decoder import Decoder
from spondyl.dicom.deflated import inflated
from spondyl.dicom.fill import Filler
from spondyl.dicom.find import find_series
from spondyl.dicom.geometry import Stack
from spondyl.dicom.headers import MAX_HEADER, read_dataset
from spondyl.dicom.multiframe import MAX_FRAMES
from spondyl.dicom.pixel_data import attach_pixels
from spondyl.dicom.pixels import is_whole, pixel_bytes, slice_hu
from spondyl.dicom.series import SeriesInfo
from spondyl.dicom.slices import Slice
from spondyl.dicom.sources import Opener
from spondyl.dicom.tags import pydicom_of
from spondyl.errors import ImageError
from spondyl.flag import Flag
from spondyl.io.images import check_values
from spondyl.io.voxels import is_large
from spondyl.volume import Volume

__all__ = ["DicomSeries", "read_series"]

_log = logging.getLogger(__name__)

_SPARE: Final = 1 << 16  # some programs fill up their files
_MOST_INFLATED: Final = 1 << 30


@dataclass(frozen=True, eq=False)
class DicomSeries:
    """A CT series that was read.

    Attributes:
        volume: HU, int16 where they are whole numbers, else float32; more than 2^28 voxels are rounded to
            whole HU. Axes: column of a slice, row of a slice, slice; RAS+ mm.
        datasets: Headers without pixels (pydicom), one per slice in the order of ``slices``; of multi-frame
            files one per file.
        slices: Where each slice came from, from the first to the last along the volume's third axis.
        study_uid: Study Instance UID.
        series_uid: Series Instance UID.
        description: Series description.
        skipped: Other series of the study, each with the reason.
        notes: What was left out, bridged or moved on reading.
        stack: How the slices lie in the volume.
    """

    volume: Volume
    datasets: tuple[Any, ...] = field(repr=False)
    slices: tuple[Slice, ...] = field(repr=False)
    study_uid: str
    series_uid: str
    description: str
    skipped: tuple[str, ...]
    notes: tuple[str, ...]
    stack: Stack = field(repr=False)


def read_series(path: Path | str | SeriesInfo, series: str | None = None) -> DicomSeries:
    """Read a CT series.

    Args:
        path: A folder (searched with its sub-folders), a zip archive, a DICOMDIR, one file of the series, or
            what :func:`spondyl.dicom.find_series` found.
        series: UID, number, description or part of a description; without it, the series that shows the
            spine best, see :func:`spondyl.dicom.choose_series`.

    Raises:
        ImageError: no series that can be read right, or several studies; the message has the reasons.
        MissingDependencyError: the extra ``dicom`` is not installed.
    """
    info, skipped = (path, ()) if isinstance(path, SeriesInfo) else _choose(Path(path), series)
    if info.stack is None:
        raise ImageError(f"{info.path}: {info.title}: {info.problem}")
    for note in info.notes:
        _log.warning("%s: %s: %s", info.path, info.title, note)
    whole, large = is_whole(info.stack.slices), is_large(info.stack.grid.shape)
    if large and not whole:
        _log.warning("%s: %s: a large series; rounded to whole HU to save memory", info.path, info.title)
    volume, datasets = _read(info.stack, np.dtype(np.int16 if whole or large else np.float32))
    remarks = (
        *check_values(info.path, volume.data),
        *(Flag("series", f"About the DICOM series: {note}.") for note in info.notes),
    )
    return DicomSeries(
        replace(volume, remarks=remarks),
        datasets,
        info.stack.slices,
        info.study_uid,
        info.uid,
        info.description,
        skipped,
        info.notes,
        info.stack,
    )


def _choose(path: Path, series: str | None) -> tuple[SeriesInfo, tuple[str, ...]]:
    found = find_series(path)
    if path.is_file() and series is None:
        one = [info for info in found if info.stack and path.absolute() in _files(info.stack)]
        found = tuple(one) or found
    try:
        choices = choose_series(found, series)
    except ImageError as error:
        raise ImageError(f"{path}: {error}") from None
    if len(choices) > 1:
        titles = "; ".join(choice.series.title for choice in choices[:8])
        raise ImageError(f"{path}: holds {len(choices)} studies; name one series by its UID: {titles}")
    return choices[0].series, choices[0].skipped


def _files(stack: Stack) -> set[Path]:
    return {piece.source.path for piece in stack.slices if not piece.source.member}


def _read(stack: Stack, dtype: np.dtype[Any]) -> tuple[Volume, tuple[Any, ...]]:
    """Voxels, and headers without pixels."""
    filler = Filler(stack, dtype)
    datasets: list[Any] = []
    source = dataset = None
    pydicom = pydicom_of(stack.slices[0].source.path)
    with Opener() as opener, Decoder() as decoder, pydicom.config.disable_value_validation():
        for piece in stack.slices:
            if piece.source != source or dataset is None:
                source = piece.source
                dataset = _whole(piece, opener)
                datasets.append(dataset)
            filler.add(slice_hu(dataset, piece, decoder))
            if piece.frame is None:
                del dataset.PixelData
    for dataset in datasets:
        dataset.pop("PixelData", None)
    return filler.volume(), tuple(datasets)


def _whole(piece: Slice, opener: Opener) -> Any:
    """A file's data set with its pixels.

    Raises:
        ImageError: truncated, damaged, or larger than its image can be.
    """
    pixels = 4 * piece.shape[0] * piece.shape[1] * (MAX_FRAMES if piece.frame is not None else 1)
    try:
        with opener.open(piece.source) as file:
            stream = inflated(piece.source, file, MAX_HEADER, whole=True, pixels=min(pixels, _MOST_INFLATED))
            dataset = read_dataset(piece.source, stream)
            attach_pixels(dataset, piece.source, stream, pixel_bytes(dataset, piece) + _SPARE)
            while piece.source.member and file.read(_SPARE):
                pass  # to the end of the member, where its check sum is compared
            return dataset
    except ARCHIVE_ERRORS as error:
        raise ImageError(f"{piece.source}: cannot be read ({error}); copy it again") from error
