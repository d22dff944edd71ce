"""The voxels of a NIfTI file, a few slices at a time into one array, as narrow as they allow.

A whole-body CT has 500 million voxels: one copy as int16 takes 1 GB, as float64 4 GB. So nothing
here ever holds the whole scan in more than the array that is returned.
"""

import gzip
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Final

import numpy as np
import numpy.typing as npt

__all__ = ["read_scaled"]

_PIECE_VOX: Final = 2**22
"""Voxels converted at once."""

Array = npt.NDArray[Any]


def read_scaled(
    path: Path, offset: int, dtype: np.dtype[Any], shape: tuple[int, int, int], slope: float, intercept: float
) -> Array:
    """Stored numbers times ``slope`` plus ``intercept``.

    Args:
        path: The file; unpacked if its name ends in ``.gz``.
        offset: Bytes before the first voxel.
        dtype: As stored, with its byte order.
        shape: Voxels along each axis, the first fastest in the file.
        slope: Of the header.
        intercept: Of the header.

    Returns:
        In the file's order. 8-bit numbers as stored where there is nothing to scale; int16 where all
        values are whole and fit; else float32.

    Raises:
        EOFError: the file ends too early.
        OSError: it cannot be read, or its checksum is wrong.
        zlib.error: damaged compression.
    """
    exact = (slope, intercept) == (1, 0)
    with _opened(path) as stream:
        _skip(stream, offset)
        if exact and (dtype.itemsize == 1 or dtype.newbyteorder("=") == np.int16):
            data = np.empty(int(np.prod(shape)), dtype)
            _fill(stream, data)
            data = data if dtype.isnative else data.byteswap(inplace=True).view(dtype.newbyteorder("="))
        else:
            data = _converted(stream, dtype, int(np.prod(shape)), slope, intercept)
        if path.suffix.lower() == ".gz":
            _check_end(stream)
    return data.reshape(shape, order="F")


def _converted(stream: BinaryIO, dtype: np.dtype[Any], count: int, slope: float, intercept: float) -> Array:
    """``(count,)`` int16 as long as nothing speaks against it, float32 from then on."""
    result: Array = np.empty(count, np.int16)
    stored = np.empty(min(_PIECE_VOX, count), dtype)
    for low in range(0, count, _PIECE_VOX):
        part = stored[: min(_PIECE_VOX, count - low)]
        _fill(stream, part)
        with np.errstate(all="ignore"):  # what is no number here, or too large for one, is told of later
            values = part.astype(np.float64) * slope + intercept
            if result.dtype == np.int16 and not _fits(values):
                wider = np.empty(count, np.float32)
                wider[:low] = result[:low]
                result = wider
            result[low : low + len(part)] = values
    return result


def _fits(values: npt.NDArray[np.float64]) -> bool:
    """Whether all are whole numbers of 16 bits; NaN is not."""
    limits = np.iinfo(np.int16)
    low, high = values.min(), values.max()
    return bool(limits.min <= low and high <= limits.max and (values == np.rint(values)).all())


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    if path.suffix.lower() == ".gz":
        with gzip.open(path) as packed:
            yield packed  # type: ignore[misc]  # a GzipFile reads as any binary stream
    else:
        with path.open("rb") as stream:
            yield stream


def _skip(stream: BinaryIO, count: int) -> None:
    while count > 0:
        count -= len(_some(stream.read(min(count, 2**20))))


def _fill(stream: BinaryIO, data: Array) -> None:
    """Read exactly the bytes of a one-dimensional array."""
    rest = data.view(np.uint8).data
    while rest:
        size = stream.readinto(rest[: 2**24])  # type: ignore[attr-defined]
        if not size:
            raise EOFError("the file ends before the last voxel")
        rest = rest[size:]


def _some(content: bytes) -> bytes:
    if not content:
        raise EOFError("the file ends before the first voxel")
    return content


def _check_end(stream: BinaryIO) -> None:
    """Let gzip compare its checksum, which it does when it meets the end; what follows it is ignored."""
    try:
        stream.read(1)
    except gzip.BadGzipFile as error:
        if "Not a gzipped file" not in str(error):
            raise
