"""Files deflated as a whole (PS3.5 A.5), unpacked up to a limit; pydicom knows none."""

import struct
import zlib
from io import SEEK_END, BytesIO
from typing import IO, Final

from spondyl.dicom.sources import Source
from spondyl.errors import ImageError

__all__ = ["inflated"]

_DEFLATED: Final = b"1.2.840.10008.1.2.1.99"
_PLAIN: Final = b"1.2.840.10008.1.2.1".ljust(len(_DEFLATED), b"\0")
_META: Final = 132  # preamble and "DICM" stand before
_PIECE: Final = 1 << 20
_SMALL: Final = 1 << 20
_HEADER_RATIO: Final = 4
_LENGTH: Final = b"\x02\x00\x00\x00UL\x04\x00"


def inflated(source: Source, stream: IO[bytes], most: int, *, whole: bool, pixels: int = 0) -> IO[bytes]:
    """The stream itself, at its start; of a deflated file, one of what is in it.

    Args:
        source: For messages.
        stream: A DICOM file, at its start.
        most: Bytes to unpack at most; fewer where a header would unfold to much more than its file: empty
            items of a sequence fold well and take eighty times their size in memory.
        pixels: Bytes that may be unpacked on top of that.
        whole: Refuse a file that holds more; otherwise it is cut there.

    Raises:
        ImageError: a damaged stream, or one that holds too much.
    """
    head = stream.read(1024)
    stream.seek(0)
    if _DEFLATED not in head or head[_META : _META + 8] != _LENGTH:
        return stream
    (length,) = struct.unpack_from("<I", head, _META + 8)
    start = _META + 12 + length
    if start > len(head):
        raise ImageError(f"{source}: damaged file header")
    size = stream.seek(0, SEEK_END)
    stream.seek(start)
    unpacker = zlib.decompressobj(-zlib.MAX_WBITS)
    content = BytesIO()
    content.write(head[:start].replace(_DEFLATED, _PLAIN))
    left = pixels + min(most, _SMALL + _HEADER_RATIO * size)
    try:
        while not unpacker.eof and left:
            packed = unpacker.unconsumed_tail or stream.read(_PIECE)
            if not packed:
                break
            left -= content.write(unpacker.decompress(packed, min(_PIECE, left)))
    except zlib.error as error:
        raise ImageError(f"{source}: truncated or damaged DICOM ({error})") from None
    if whole and not unpacker.eof:
        raise ImageError(f"{source}: truncated, or holds more than its image can need")
    content.seek(0)
    return content
