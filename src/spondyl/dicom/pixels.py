"""Pixels of one slice, in Hounsfield units."""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from spondyl.dicom.decoder import Decoder
from spondyl.dicom.multiframe import MAX_FRAMES
from spondyl.dicom.pixel_data import codestream_shape
from spondyl.dicom.slices import Slice
from spondyl.dicom.tags import READ_ERRORS, flag, number
from spondyl.errors import ImageError
from spondyl.io.voxels import AIR_HU

__all__ = ["is_whole", "pixel_bytes", "slice_hu"]

_RLE: Final = "1.2.840.10008.1.2.5"
_TISSUE_HU: Final = (-1000, 3071)

_MOST_SLOPE: Final = 1e3
_MOST_INTERCEPT: Final = 1e6
"""Beyond, whole numbers overflow; no scanner comes near."""

Array = npt.NDArray[Any]


def is_whole(slices: Sequence[Slice]) -> bool:
    """Whether the HU of all slices are whole numbers."""
    return all(float(value).is_integer() for piece in slices for value in piece.rescale)


def slice_hu(dataset: Any, piece: Slice, decoder: Decoder) -> Array:
    """Decode one slice.

    Args:
        dataset: pydicom's, with pixels.
        piece: The slice, or the frame of a multi-frame file.
        decoder: Decodes compressed pixels.

    Returns:
        ``(rows, columns)``; int32 where slope and intercept are whole, else float32. Padding is air.

    Raises:
        ImageError: truncated, damaged, or compressed in a way that cannot be decoded.
    """
    stored = _stored(dataset, piece, decoder)
    slope, intercept = piece.rescale
    if not 0 < abs(slope) <= _MOST_SLOPE or abs(intercept) > _MOST_INTERCEPT:
        raise ImageError(f"{piece.source}: rescale slope {slope:g}, intercept {intercept:g}; damaged header")
    if is_whole([piece]):
        hu: Array = stored.astype(np.int32) * int(slope) + int(intercept)
    else:
        hu = (stored * np.float64(slope) + np.float64(intercept)).astype(np.float32)
    hu[_padding(dataset, stored, piece)] = AIR_HU
    return hu


def pixel_bytes(dataset: Any, piece: Slice) -> int:
    """Bytes of a file's pixels by its header, before any memory is taken for them.

    Raises:
        ImageError: impossible numbers of bits, or another size than when the header was first read.
    """
    allocated, stored, high = (flag(dataset, word) for word in ("BitsAllocated", "BitsStored", "HighBit"))
    if allocated not in (8, 16, 32) or not 0 < stored <= allocated or high != stored - 1:
        raise ImageError(f"{piece.source}: {stored} of {allocated} bits, the highest {high}; damaged header")
    if (flag(dataset, "Rows"), flag(dataset, "Columns")) != piece.shape:
        raise ImageError(f"{piece.source}: changed while it was read")
    frames = flag(dataset, "NumberOfFrames") or 1
    if not 0 < frames <= MAX_FRAMES:
        raise ImageError(f"{piece.source}: {frames} frames; damaged header")
    return piece.shape[0] * piece.shape[1] * (allocated // 8) * frames


def _stored(dataset: Any, piece: Slice, decoder: Decoder) -> Array:
    """Stored values, ``(rows, columns)``, with the bits above those in use removed."""
    from pydicom.encaps import get_frame
    from pydicom.pixels.utils import pixel_array

    syntax, index = dataset.file_meta.TransferSyntaxUID, piece.frame or 0
    try:
        if syntax.is_encapsulated:
            frame = get_frame(
                dataset.PixelData,
                index,
                extended_offsets=_offsets(dataset),
                number_of_frames=flag(dataset, "NumberOfFrames") or 1,
            )
            if codestream_shape(frame) not in (None, piece.shape):
                raise ValueError("another size than in the header")
        if syntax.is_encapsulated and syntax != _RLE:  # which pydicom decodes in Python
            values = decoder.frame(dataset, frame)
        else:
            values = pixel_array(dataset, index=index, raw=True)
    except READ_ERRORS as error:
        raise ImageError(
            f"{piece.source}: {syntax.name} pixels cannot be decoded ({_reason(error)})"
        ) from error
    if values.shape != piece.shape:
        raise ImageError(f"{piece.source}: {values.shape} pixels decoded, {piece.shape} expected")
    spare = values.dtype.itemsize * 8 - flag(dataset, "BitsStored")
    return values if spare == 0 else (values << spare) >> spare


def _offsets(dataset: Any) -> tuple[bytes, bytes] | None:
    """Where the frames of a multi-frame file begin, if it says so outside of its pixels."""
    table, lengths = dataset.get("ExtendedOffsetTable"), dataset.get("ExtendedOffsetTableLengths")
    return (table, lengths) if table and lengths else None


def _padding(dataset: Any, stored: Array, piece: Slice) -> npt.NDArray[np.bool_]:
    """Pixels outside what was reconstructed.

    A padding value that could be tissue (some programs write 0, which is water) only counts where it
    reaches the edge of the slice.
    """
    value = number(dataset, "PixelPaddingValue")
    if value is None:
        return np.zeros(stored.shape, np.bool_)
    limit = number(dataset, "PixelPaddingRangeLimit")
    low, high = sorted(_as_stored(end, stored.dtype) for end in (value, value if limit is None else limit))
    found: npt.NDArray[np.bool_] = (stored >= low) & (stored <= high)
    slope, intercept = piece.rescale
    tissue = any(_TISSUE_HU[0] < end * slope + intercept < _TISSUE_HU[1] for end in (low, high))
    if not tissue or not found.any():
        return found
    labels, _ = ndimage.label(found)
    edge = np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]])
    return np.isin(labels, np.unique(edge[edge > 0]))


def _as_stored(value: float, dtype: np.dtype[Any]) -> int:
    """A padding value as the pixels hold it; it is often written as if it were unsigned."""
    bits = dtype.itemsize * 8
    whole = int(value) % (1 << bits)
    return whole - (1 << bits) if dtype.kind == "i" and whole >= 1 << (bits - 1) else whole


def _reason(error: BaseException) -> str:
    """The first line of a library's message; the rest lists packages."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
