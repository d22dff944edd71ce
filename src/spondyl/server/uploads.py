"""Uploads, written to disk as they come: no more than a megabyte of one is ever in memory."""

import re
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, BinaryIO, Final

from fastapi import Request
from fastapi.concurrency import run_in_threadpool
from python_multipart.exceptions import MultipartParseError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import ClientDisconnect

from spondyl.server.errors import ApiError

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks

__all__ = ["SUFFIXES", "receive_files", "shown_name"]

SUFFIXES: Final = (".nii.gz", ".nii", ".mha", ".nrrd", ".zip", ".dcm")
"""Endings kept on disk. All else of a name is ours, so no name can lead anywhere."""

_CHUNK: Final = 1 << 20

_MOST_HEADER: Final = 16 << 10
"""Of a part, bytes; names of files are the longest there are."""


async def receive_files(
    request: Request, folder: Path, *, most_bytes: int, most_files: int, field: str = "files"
) -> list[str]:
    """Write the files of a ``multipart/form-data`` request into a new folder.

    Args:
        request: One field holds one file or many; other fields are left out.
        folder: Where to; made here. Files are called ``00000.nii.gz`` and so on.
        most_bytes: Of the whole request.
        most_files: In it.
        field: Its name.

    Returns:
        The names the files had, in order.

    Raises:
        ApiError: no such request (400, 415), too large or too many (413), no file (422).
        OSError: a full disk, most likely. Whatever is raised, the caller deletes the folder.
    """
    kind, options = parse_options_header(request.headers.get("content-type"))
    if kind != b"multipart/form-data" or not options.get(b"boundary"):
        raise ApiError(415, f"expected multipart/form-data with the field {field!r}")
    announced = request.headers.get("content-length", "")
    if announced.isdigit() and int(announced) > most_bytes:
        raise _too_large(most_bytes)
    sink = _Sink(folder, most_files, field)
    try:
        folder.mkdir(mode=0o700)
        await _feed(MultipartParser(options[b"boundary"], sink.callbacks()), request, most_bytes)
    except (MultipartParseError, ValueError) as error:
        raise ApiError(400, f"damaged multipart/form-data: {error}") from error
    except ClientDisconnect:
        raise ApiError(400, "the upload was cut short") from None  # nobody is there to read it
    finally:
        sink.close()
    if not sink.complete:
        raise ApiError(400, "the upload was cut short; send it again")
    if not sink.names:
        raise ApiError(422, f"no file in the field {field!r}")
    return sink.names


async def _feed(parser: MultipartParser, request: Request, most_bytes: int) -> None:
    """Parse a request as it comes, a megabyte at a time and beside the loop that serves the others."""
    total, waiting = 0, bytearray()
    async for chunk in request.stream():
        total += len(chunk)
        if total > most_bytes:
            raise _too_large(most_bytes)
        waiting += chunk
        if len(waiting) >= _CHUNK:
            await run_in_threadpool(parser.write, bytes(waiting))
            waiting.clear()
    await run_in_threadpool(parser.write, bytes(waiting))


def _too_large(most_bytes: int) -> ApiError:
    return ApiError(
        413, f"more than {most_bytes >> 20} MB in one upload; crop the scan, or ask for a higher limit"
    )


def shown_name(names: list[str]) -> str:
    """What people call a case: its file without the ending, or the folder in which a series was dropped.

    Only for display: control characters are dropped, the length is bounded.
    """
    parts = [part for part in PurePosixPath(names[0].replace("\\", "/")).parts if part.strip("./")]
    name = parts[0 if len(names) > 1 else -1] if parts else "scan"
    for suffix in SUFFIXES:
        if len(name) > len(suffix) and name.lower().endswith(suffix):
            name = name[: -len(suffix)]
            break
    printable = re.sub(r"\s+", " ", "".join(c if c.isprintable() else " " for c in name)).strip()
    return printable[:100] if printable.strip(".") else "scan"


class _Sink:
    """Where the parser puts what it finds."""

    def __init__(self, folder: Path, most_files: int, field: str) -> None:
        self.names: list[str] = []
        self.complete = False
        self._folder = folder
        self._most_files = most_files
        self._stream: BinaryIO | None = None
        self._wanted = field.encode()
        self._field = self._value = b""
        self._disposition = b""

    def callbacks(self) -> "MultipartCallbacks":
        return {
            "on_part_begin": self._begin,
            "on_header_field": self._header_field,
            "on_header_value": self._header_value,
            "on_header_end": self._header_end,
            "on_headers_finished": self._headers_finished,
            "on_part_data": self._data,
            "on_part_end": self.close,
            "on_end": self._end,
        }

    def close(self) -> None:
        if self._stream is not None:
            self._stream.close()
            self._stream = None

    def _begin(self) -> None:
        self._disposition = b""

    def _header_field(self, data: bytes, start: int, end: int) -> None:
        self._field += data[start:end]
        self._check_header()

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]
        self._check_header()

    def _check_header(self) -> None:
        """Headers are held in memory; not every version of the parser bounds them."""
        if len(self._field) + len(self._value) > _MOST_HEADER:
            raise ApiError(400, f"damaged multipart/form-data: a header of more than {_MOST_HEADER >> 10} kB")

    def _header_end(self) -> None:
        if self._field.lower() == b"content-disposition":
            self._disposition = self._value
        self._field = self._value = b""

    def _headers_finished(self) -> None:
        _, options = parse_options_header(self._disposition)
        if options.get(b"name") != self._wanted or not options.get(b"filename"):
            return
        if len(self.names) >= self._most_files:
            raise ApiError(
                413, f"more than {self._most_files} files in one upload; send a zip, or one series"
            )
        name = options[b"filename"].decode("utf-8", "replace")
        ending = next((suffix for suffix in SUFFIXES if name.lower().endswith(suffix)), "")
        self._stream = (self._folder / f"{len(self.names):05d}{ending}").open("xb")
        self.names.append(name)

    def _data(self, data: bytes, start: int, end: int) -> None:
        if self._stream is not None:
            self._stream.write(data[start:end])

    def _end(self) -> None:
        self.complete = True
