"""The voxels of a NIfTI file, compressed or not."""

import gzip
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from spondyl.io.voxels import Voxels, convert, skip

__all__ = ["read_scaled"]


def read_scaled(
    path: Path,
    offset: int,
    dtype: np.dtype[Any],
    shape: tuple[int, int, int],
    slope: float,
    intercept: float,
    *,
    ct: bool,
) -> Voxels:
    """Stored numbers times ``slope`` plus ``intercept``, see :func:`spondyl.io.voxels.convert`.

    Args:
        path: The file; unpacked if its name ends in ``.gz``.
        offset: Bytes before the first voxel.
        dtype: As stored, with its byte order.
        shape: Voxels along each axis, the first fastest in the file.
        slope: Of the header.
        intercept: Of the header.
        ct: Whether they are HU.

    Raises:
        EOFError: the file ends too early.
        OSError: it cannot be read, or its checksum is wrong.
        zlib.error: damaged compression.
    """
    with _opened(path) as stream:
        skip(stream, offset)
        found = convert(stream, dtype, shape, slope, intercept, ct=ct)
        if path.suffix.lower() == ".gz":
            _check_end(stream)
    return found


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    if path.suffix.lower() == ".gz":
        with gzip.open(path) as packed:
            yield packed  # type: ignore[misc]  # a GzipFile reads as any binary stream
    else:
        with path.open("rb") as stream:
            yield stream


def _check_end(stream: BinaryIO) -> None:
    """Let gzip compare its checksum, which it does when it meets the end; what follows it is ignored."""
    try:
        stream.read(1)
    except gzip.BadGzipFile as error:
        if "Not a gzipped file" not in str(error):
            raise
