"""The voxels of a file, a few slices at a time into one array, as narrow as they allow.

A whole-body CT has 500 million voxels: one copy as int16 takes 1 GB, as float64 4 GB. So nothing
here ever holds the whole scan in more than the array that is returned, and a large CT is held in whole HU.
"""

import logging
from pathlib import Path
from typing import Any, BinaryIO, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from spondyl.errors import ImageError

__all__ = ["AIR_HU", "Voxels", "convert", "is_large", "skip", "values_of"]

_log = logging.getLogger(__name__)

AIR_HU: Final = -1024
"""What missing voxels of a CT (NaN, infinite) become."""

_PIECE_VOX: Final = 2**22
"""Voxels converted at once."""

_LARGE_VOX: Final = 2**28
"""More take over a gigabyte as float32; half a HU is far below the noise of any scanner."""

Array = npt.NDArray[Any]


class Voxels(NamedTuple):
    """What was read.

    Attributes:
        data: The numbers.
        missing: How many of them are air because the file had no number there.
        rounded: Whether fractions of a HU were given up.
    """

    data: Array
    missing: int = 0
    rounded: bool = False


def is_large(shape: tuple[int, ...]) -> bool:
    """Whether a CT of such a shape is held in whole HU: more than 2^28 voxels, 512 x 512 x 1024."""
    return int(np.prod(shape, dtype=object)) > _LARGE_VOX


def convert(
    stream: BinaryIO,
    dtype: np.dtype[Any],
    shape: tuple[int, int, int],
    slope: float = 1.0,
    intercept: float = 0.0,
    *,
    ct: bool = False,
) -> Voxels:
    """Stored numbers times ``slope`` plus ``intercept``.

    Args:
        stream: Stands at the first voxel; afterwards behind the last.
        dtype: As stored, with its byte order.
        shape: Voxels along each axis, the first fastest in the file.
        slope: 1 and an intercept of 0 leave the numbers as they are.
        intercept: Added to the scaled numbers.
        ct: Whether the numbers are HU: what is not finite becomes :data:`AIR_HU`, and a large scan
            (:func:`is_large`) is rounded to whole HU. Otherwise they are kept as they are.

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
        return Voxels(data.reshape(shape, order="F"))
    found = _converted(stream, dtype, count, (slope, intercept), ct=ct, whole=ct and is_large(shape))
    return found._replace(data=found.data.reshape(shape, order="F"))


def values_of(path: Path, found: Voxels) -> Array:
    """The numbers; what was done to them goes into the log.

    Raises:
        ImageError: not one voxel held a number.
    """
    size = found.data.size
    if found.missing == size:
        raise ImageError(f"{path}: no voxel holds a number (all NaN or infinite); not a CT")
    if found.missing:
        _log.warning(
            "%s: %d of %d voxels are NaN or infinite; taken as air (%d HU)", path, found.missing, size, AIR_HU
        )
    if found.rounded:
        _log.warning("%s: %d voxels; rounded to whole HU to save memory", path, size)
    return found.data


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


def _converted(
    stream: BinaryIO, dtype: np.dtype[Any], count: int, scale: tuple[float, float], *, ct: bool, whole: bool
) -> Voxels:
    """``(count,)`` int16 as long as nothing speaks against it, float32 from then on."""
    result: Array = np.empty(count, np.int16)
    stored = np.empty(min(_PIECE_VOX, count), dtype)
    missing, rounded = 0, False
    for low in range(0, count, _PIECE_VOX):
        part = stored[: min(_PIECE_VOX, count - low)]
        _fill(stream, part)
        with np.errstate(all="ignore"):  # what is no number here, or too large for one, is told of later
            values = part.astype(np.float64) * scale[0] + scale[1]
            missing += _aired(values) if ct else 0
            if whole:
                exact = values
                values = np.rint(exact)
                rounded = rounded or not np.array_equal(values, exact)
            if result.dtype == np.int16 and not _fits(values):
                wider = np.empty(count, np.float32)
                wider[:low] = result[:low]
                result = wider
            result[low : low + len(part)] = values
    return Voxels(result, missing, rounded)


def _aired(values: npt.NDArray[np.float64]) -> int:
    """Put air where a value is not finite as float32; how many there were."""
    most = float(np.finfo(np.float32).max)
    if -most <= values.min() and values.max() <= most:  # refuses NaN too
        return 0
    gone = ~(np.abs(values) <= most)
    values[gone] = AIR_HU
    return int(np.count_nonzero(gone))


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
