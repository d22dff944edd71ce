"""MetaImage and NRRD: images whose header is text. Read without ITK, which a damaged header can crash."""

import zlib
from pathlib import Path
from typing import Any, BinaryIO, Final

import numpy as np

from spondyl.errors import ImageError
from spondyl.io.checks import NO_ORIENTATION, check_shape, check_size, checked_grid
from spondyl.io.image_header import ImageHeader
from spondyl.io.inflated import Inflated
from spondyl.io.metaimage import read_metaimage_header
from spondyl.io.nrrd import read_nrrd_header
from spondyl.io.voxels import Voxels, convert, values_of
from spondyl.volume import Volume

__all__ = ["DETACHED", "READABLE", "header_of", "parts_of", "read_described"]

_READERS: Final = {
    ".mha": read_metaimage_header,
    ".mhd": read_metaimage_header,
    ".nrrd": read_nrrd_header,
    ".nhdr": read_nrrd_header,
}

READABLE: Final = tuple(_READERS)
"""Suffixes of files that are read here."""

DETACHED: Final = (".mhd", ".nhdr")
"""Suffixes of headers whose voxels lie in another file."""

_LPS_TO_RAS: Final = np.diag([-1.0, -1.0, 1.0, 1.0])


def header_of(path: Path) -> ImageHeader:
    """What a MetaImage or NRRD file says about itself; no voxel is read.

    Raises:
        ImageError: it is none, damaged, or of a kind that is not read here.
    """
    try:
        return _READERS[path.suffix.lower()](path)
    except OSError as error:
        raise ImageError(f"{path}: cannot be read: {error.strerror or error}") from error


def parts_of(path: Path) -> tuple[Path, ...]:
    """The files of an image: its own and, if the header names another one for the voxels, that."""
    if path.suffix.lower() not in DETACHED:
        return (path,)
    try:
        return tuple(dict.fromkeys((path, header_of(path).file)))
    except ImageError:
        return (path,)


def read_described(path: Path, *, ct: bool = False) -> Volume:
    """Voxels in the file's order, x fastest, on their grid in RAS+ mm.

    Args:
        path: The file.
        ct: Whether they are HU, see :func:`spondyl.io.voxels.convert`.

    Returns:
        8-bit integers as stored; int16 where all values are whole and fit; else float32.

    Raises:
        ImageError: not readable, not three axes, more than one number per voxel, an impossible header.
    """
    header = header_of(path)
    shape = check_shape(path, header.shape)
    offset = _offset(header, shape)
    check_size(header.file, shape, header.dtype.itemsize, offset, compressed=header.packed)
    grid = checked_grid(path, shape, _LPS_TO_RAS @ header.lps)
    try:
        with header.file.open("rb") as stream:
            stream.seek(offset)
            data = values_of(path, _voxels(stream, header, shape, ct=ct))
    except MemoryError:
        raise ImageError(f"{path}: {shape} voxels do not fit into memory") from None
    except (OSError, EOFError, zlib.error) as error:
        raise ImageError(f"{path}: truncated or damaged ({error}); copy or download it again") from error
    return Volume(data, grid, () if header.oriented else (NO_ORIENTATION,))


def _offset(header: ImageHeader, shape: tuple[int, int, int]) -> int:
    """Bytes before the first voxel; voxels that end with the file are counted from there."""
    if header.offset >= 0:
        return header.offset
    size = header.file.stat().st_size
    return max(size - int(np.prod(shape, dtype=object)) * header.dtype.itemsize, 0)


def _voxels(stream: BinaryIO, header: ImageHeader, shape: tuple[int, int, int], *, ct: bool) -> Voxels:
    if not header.packed:
        return convert(stream, header.dtype, shape, ct=ct)
    unpacked: Any = Inflated(stream)  # reads as any binary stream
    found = convert(unpacked, header.dtype, shape, ct=ct)
    if unpacked.read(1):  # at the end, the checksum is compared
        raise EOFError("more voxels than the header announces")
    return found
