"""What the text header of a MetaImage or NRRD file says, and how such headers are read."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any, BinaryIO, Final

import numpy as np
import numpy.typing as npt

from spondyl.errors import ImageError

__all__ = ["ImageHeader", "beside", "lines_of", "numbers", "sizes"]

_LONGEST_HEADER: Final = 2**20
"""Bytes; Slicer writes some kilobytes for a segmentation, more is no header."""

_DIGITS: Final = 18
_MOST_AXES: Final = 16


@dataclass(frozen=True, eq=False)
class ImageHeader:
    """Where the voxels are and how they are stored; nothing of them was read yet.

    Attributes:
        path: The file with the header.
        file: The file with the voxels, the same or one beside it.
        offset: Bytes before them, in the file; negative where they end with it.
        packed: Whether they are a zlib or gzip stream.
        shape: Voxels along each axis, the first fastest in the file.
        dtype: As stored, with its byte order.
        lps: 4 x 4, from voxels to LPS+ mm.
        oriented: Whether the header says which way the axes run.
    """

    path: Path
    file: Path
    offset: int
    packed: bool
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    lps: npt.NDArray[np.float64]
    oriented: bool


def lines_of(path: Path, stream: BinaryIO) -> Iterator[str]:
    """The lines of a header without their ends; the stream stands behind the line that was given last.

    Raises:
        ImageError: they take more than a megabyte.
    """
    rest = _LONGEST_HEADER
    while line := stream.readline(rest):
        rest -= len(line)
        if rest <= 0:
            raise ImageError(f"{path}: a header of more than {_LONGEST_HEADER >> 20} MB; damaged")
        yield line.decode("latin-1").rstrip("\r\n")


def numbers(path: Path, name: str, text: str, count: int) -> npt.NDArray[np.float64]:
    """So many finite numbers, separated by white space.

    Raises:
        ImageError: something else.
    """
    words = text.split()
    try:
        values = np.array([float(word) for word in words], np.float64)
    except ValueError:
        values = np.array([np.nan])
    if len(words) != count or not np.isfinite(values).all():
        raise ImageError(f"{path}: {name}: expected {count} numbers, found {text[:60]!r}; damaged header")
    return values


def sizes(path: Path, name: str, text: str, axes: str) -> tuple[int, ...]:
    """Voxels along each axis, at least three of them.

    Args:
        path: For messages.
        name: Of the field.
        text: Its value.
        axes: What the header says the number of axes is.

    Raises:
        ImageError: no whole numbers, or another number of them.
    """
    words = text.split()
    if not all(word.isdecimal() and len(word) <= _DIGITS for word in (*words, axes)):
        raise ImageError(f"{path}: {name}: expected whole numbers, found {text[:60]!r}; damaged header")
    if len(words) != int(axes) or len(words) > _MOST_AXES:
        raise ImageError(f"{path}: {name}: {len(words)} numbers for {axes} axes; damaged header")
    if len(words) < 3:
        raise ImageError(f"{path}: expected a 3-D volume, found {len(words)} axes (a single slice or line)")
    return tuple(int(word) for word in words)


def beside(path: Path, name: str) -> Path:
    """The file in the folder of a header that the header names.

    Raises:
        ImageError: it leads elsewhere, or there is no such file.
    """
    name = os.fsdecode(name.encode("latin-1"))  # headers are read as latin-1, which loses no byte
    for kind in (PurePosixPath(name), PureWindowsPath(name)):
        if kind.is_absolute() or kind.drive or ".." in kind.parts:
            raise ImageError(
                f"{path}: its voxels lie in {name!r}, outside of its folder; put both files together"
            )
    file = path.parent / name
    if "\0" in name or not file.is_file():
        raise ImageError(f"{path}: its voxels lie in {name!r}, which is missing; put both files together")
    return file
