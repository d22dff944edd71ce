"""What is in a zlib or gzip stream, unpacked as it is read."""

import io
import zlib
from typing import IO, Any, Final

__all__ = ["Inflated"]

_PIECE: Final = 1 << 18
_ZLIB_OR_GZIP: Final = 32 + zlib.MAX_WBITS


class Inflated(io.RawIOBase):
    """A stream of unpacked bytes; never holds more than is asked for, whatever the packed ones unfold to.

    Args:
        packed: A zlib or gzip stream, from where it stands; told apart by its first bytes. What follows its
            end is ignored.
    """

    def __init__(self, packed: IO[bytes]) -> None:
        self._packed = packed
        self._unpacker = zlib.decompressobj(_ZLIB_OR_GZIP)

    def readable(self) -> bool:
        """True."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill some of a buffer; 0 at the end, once the checksum was found right.

        Raises:
            EOFError: the packed stream breaks off.
            zlib.error: it is damaged.
        """
        while len(buffer) and not self._unpacker.eof:
            packed = self._unpacker.unconsumed_tail or self._packed.read(_PIECE)
            content = self._unpacker.decompress(packed, len(buffer))
            if content:
                buffer[: len(content)] = content
                return len(content)
            if not packed and not self._unpacker.eof:
                raise EOFError("the compressed data end too early")
        return 0
