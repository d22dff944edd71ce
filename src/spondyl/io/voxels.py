"""The voxels of a file, a few slices at a time into one array, as narrow as they allow.

A whole-body CT has 500 million voxels: one copy as int16 takes 1 GB, as float64 4 GB. So nothing
here ever holds the whole scan in more than the array that is returned.
"""

from typing import Any, BinaryIO, Final

import numpy as np
import numpy.typing as npt

__all__ = ["convert", "skip"]

_PIECE_VOX: Final = 2**22
"""Voxels converted at once."""

Array = npt.NDArray[Any]


def convert(
    stream: BinaryIO,
    dtype: np.dtype[Any],
    shape: tuple[int, int, int],
    slope: float = 1.0,
    intercept: float = 0.0,
) -> Array:
    """Stored numbers times ``slope`` plus ``intercept``.

    Args:
        stream: Stands at the first voxel; afterwards behind the last.
        dtype: As stored, with its byte order.
        shape: Voxels along each axis, the first fastest in the file.
        slope: 1 and an intercept of 0 leave the numbers as they are.
        intercept: Added to the scaled numbers.

    Returns:
        In the file's order. 8-bit numbers as stored where there is nothing to scale; int16 where all
        values are whole and fit; else float32.

    Raises:
        EOFError: the stream ends too early.
        OSError: it cannot be read.
        zlib.error: damaged compression.
    """
    count = int(np.prod(shape))
    if (slope, intercept) == (1, 0) and (dtype.itemsize == 1 or dtype.newbyteorder("=") == np.int16):
        data = np.empty(count, dtype)
        _fill(stream, data)
        data = data if dtype.isnative else data.byteswap(inplace=True).view(dtype.newbyteorder("="))
    else:
        data = _converted(stream, dtype, count, slope, intercept)
    return data.reshape(shape, order="F")


def skip(stream: BinaryIO, count: int) -> None:
    """Read over some bytes.

    Raises:
        EOFError: there are not so many.
    """
    while count > 0:
        passed = len(stream.read(min(count, 2**20)))
        if not passed:
            raise EOFError("the file ends before the first voxel")
        count -= passed


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


def _fill(stream: BinaryIO, data: Array) -> None:
    """Read exactly the bytes of a one-dimensional array."""
    rest = data.view(np.uint8).data
    while rest:
        size = stream.readinto(rest[: 2**24])  # type: ignore[attr-defined]
        if not size:
            raise EOFError("the file ends before the last voxel")
        rest = rest[size:]
