"""The Pixel Data element of a file, read by ourselves: bounded, and whole or refused.

pydicom takes what is left of a truncated file with a warning, and some decoders then make up the rest.
"""

import struct
from typing import IO, Any, Final

from spondyl.dicom.sources import Source
from spondyl.errors import ImageError

__all__ = ["attach_pixels", "codestream_shape"]

_PIXEL_DATA: Final = (0x7FE0, 0x0010)
_ITEM: Final = (0xFFFE, 0xE000)
_UNDEFINED: Final = 0xFFFFFFFF
_TABLES: Final = frozenset((0xC4, 0xC8, 0xCC))  # JPEG markers among the frame headers that are none


def attach_pixels(dataset: Any, source: Source, stream: IO[bytes], most: int) -> None:
    """Read Pixel Data into a data set whose header ended right before it.

    Args:
        dataset: pydicom's, read with ``stop_before_pixels``.
        source: For messages.
        stream: Where its reading stopped.
        most: Bytes that the pixels need at most when they are not compressed.

    Raises:
        ImageError: there are none, fewer than announced, or more than ``most``.
    """
    implicit, little = dataset.original_encoding
    order = "<" if little else ">"
    head = stream.read(8 if implicit else 12)
    if len(head) < 8 or struct.unpack_from(f"{order}HH", head) != _PIXEL_DATA:
        raise ImageError(f"{source}: no pixels in the file; truncated? Copy it again")
    if not implicit and (head[4:6] not in (b"OB", b"OW", b"UN") or len(head) < 12):
        raise ImageError(f"{source}: damaged pixel data; copy it again")
    (length,) = struct.unpack_from(f"{order}I", head, 4 if implicit else 8)
    compressed = dataset.file_meta.TransferSyntaxUID.is_compressed
    if compressed != (length == _UNDEFINED):
        raise ImageError(f"{source}: pixel data that do not fit the transfer syntax; damaged header")
    if compressed:
        pixels = _fragments(source, stream, 2 * most)
    else:
        if length > most:
            raise ImageError(
                f"{source}: {length:,} bytes of pixels, at most {most:,} expected; damaged header"
            )
        pixels = stream.read(length)
        if len(pixels) < length:
            raise ImageError(f"{source}: truncated: {len(pixels):,} of {length:,} bytes; copy it again")
    dataset.PixelData = pixels
    dataset["PixelData"].is_undefined_length = compressed


def _fragments(source: Source, stream: IO[bytes], most: int) -> bytes:
    """All items of compressed pixel data with their headers (PS3.5 A.4)."""
    parts, total = [], 0
    while True:
        head = stream.read(8)
        if len(head) < 8:
            raise ImageError(f"{source}: truncated in its compressed pixels; copy it again")
        group, element, length = struct.unpack("<HHI", head)
        if (group, element) != _ITEM:
            break
        total += length
        if total > most:
            raise ImageError(f"{source}: compressed pixels larger than the image; damaged")
        part = stream.read(length)
        if len(part) < length:
            raise ImageError(f"{source}: truncated in its compressed pixels; copy it again")
        parts += [head, part]
    if (group, element) != (0xFFFE, 0xE0DD):
        raise ImageError(f"{source}: damaged compressed pixels; copy it again")
    return b"".join(parts)


def codestream_shape(frame: bytes) -> tuple[int, int] | None:
    """Rows and columns that a JPEG, JPEG-LS or JPEG 2000 stream announces, ``None`` if it is none.

    ISO 10918-1 B.2.2 (frame header), ISO 14495-1 C.2.2, ISO 15444-1 A.5.1 (SIZ).
    """
    if frame[:4] == b"\xff\x4f\xff\x51" and len(frame) >= 24:
        right, lower, left, upper = struct.unpack_from(">IIII", frame, 8)
        return lower - upper, right - left
    if frame[:2] != b"\xff\xd8":
        return None
    place = 2
    while place + 9 <= len(frame) and frame[place] == 0xFF:
        marker, (length,) = frame[place + 1], struct.unpack_from(">H", frame, place + 2)
        if marker == 0xF7 or (0xC0 <= marker <= 0xCF and marker not in _TABLES):
            rows, columns = struct.unpack_from(">HH", frame, place + 5)
            return rows, columns
        place += 2 + length
    return None
