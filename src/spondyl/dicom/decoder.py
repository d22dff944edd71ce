"""Compressed pixels, decoded in a process of their own.

The libraries that decode JPEG, JPEG-LS and JPEG 2000 are written in C and C++, and damaged pixels make them
crash, run for ever or take all memory. A process can be given limits, and its end is an error like any other.
"""

import json
import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Final, Self

import numpy as np
import numpy.typing as npt

from spondyl.dicom.tags import flag, text

__all__ = ["Decoder", "main"]

_NUMBERS: Final = ("Rows", "Columns", "SamplesPerPixel", "BitsAllocated", "BitsStored", "PixelRepresentation")

_SECONDS: Final = 2.0
_SECONDS_PER_MEGAPIXEL: Final = 2.0
"""Of a processor, for one frame: some ten times what a sound one takes."""

_SPARE_BYTES: Final = 1 << 30
"""What decoding a frame may take: four times what one of 4096 x 4096 pixels does."""

Array = npt.NDArray[Any]


class Decoder:
    """Decodes frames one after the other; starts its process at the first one, and again after a crash."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    def frame(self, dataset: Any, frame: bytes) -> Array:
        """One frame.

        Args:
            dataset: pydicom's, whose header describes the frame.
            frame: Its compressed pixels, without the headers of fragments.

        Returns:
            Stored values, ``(rows, columns)``; more axes if the frame has several numbers per pixel.

        Raises:
            ValueError: it cannot be decoded; the message says why.
            OSError: the process cannot be started.
        """
        process = self._process = self._process or _started()
        assert process.stdin is not None
        assert process.stdout is not None
        about = {keyword: flag(dataset, keyword) for keyword in _NUMBERS}
        kind = {
            "syntax": str(dataset.file_meta.TransferSyntaxUID),
            "colours": text(dataset, "PhotometricInterpretation"),
            "bytes": len(frame),
        }
        try:
            process.stdin.write(json.dumps(about | kind).encode() + b"\n" + frame)
            process.stdin.flush()
            answer = json.loads(process.stdout.readline())
            values = np.frombuffer(_exactly(process.stdout, answer["bytes"]), answer["dtype"])
        except (OSError, EOFError, json.JSONDecodeError):  # it is gone
            raise ValueError(_why_ended(self._end())) from None
        if "error" in answer:
            raise ValueError(answer["error"])
        return values.reshape(answer["shape"])

    def _end(self) -> int:
        """End the process; its exit code."""
        process, self._process = self._process, None
        if process is None:
            return 0
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                with suppress(OSError):  # what was not sent to a dead process
                    stream.close()
        return process.wait()


def main() -> None:
    """Decode what comes on the standard input until it ends."""
    from pydicom.pixels.decoders.base import get_decoder  # loads the libraries, before memory is limited

    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints must not be taken for an answer
    get_decoder("1.2.840.10008.1.2.4.90")
    _limit_memory()
    while line := sys.stdin.buffer.readline():
        about = json.loads(line)
        frame = _exactly(sys.stdin.buffer, about["bytes"])
        _limit_seconds(_SECONDS + _SECONDS_PER_MEGAPIXEL * about["Rows"] * about["Columns"] / 1e6)
        try:
            values = _decoded(about, frame)
            answer: dict[str, Any] = {"dtype": values.dtype.str, "shape": values.shape}
        except Exception as error:  # a damaged frame raises nearly anything
            values = np.empty(0, np.uint8)
            answer = {"dtype": "u1", "error": str(error) or type(error).__name__}
        _limit_seconds(0)
        content = values.tobytes()
        answers.write(json.dumps(answer | {"bytes": len(content)}).encode() + b"\n" + content)
        answers.flush()


def _started() -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        # -P: without the current folder, where a file of the user's may have the name of a module.
        [sys.executable, "-P", "-m", "spondyl.dicom.decoder"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,  # where libraries complain about each damaged frame
        start_new_session=True,  # Ctrl-C is for the reader, at whose end the input ends
    )


def _decoded(about: dict[str, Any], frame: bytes) -> Array:
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.encaps import encapsulate
    from pydicom.pixels.utils import pixel_array

    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = about["syntax"]
    for keyword in _NUMBERS:
        setattr(dataset, keyword, about[keyword])
    dataset.PhotometricInterpretation = about["colours"]
    dataset.PixelData = encapsulate([frame])
    return pixel_array(dataset, index=0, raw=True)


def _exactly(stream: IO[bytes], count: int) -> bytes:
    content = stream.read(count)
    if len(content) < count:
        raise EOFError("the other end is gone")
    return content


def _limit_memory() -> None:
    usage = Path("/proc/self/statm")
    if sys.platform == "win32" or not usage.exists():
        return
    import resource

    used = int(usage.read_text().split()[5]) * resource.getpagesize()
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    most = used + _SPARE_BYTES
    resource.setrlimit(resource.RLIMIT_DATA, (most if hard < 0 else min(most, hard), hard))


def _limit_seconds(seconds: float) -> None:
    """Have the system end this process after so many seconds of work; 0: no longer."""
    if sys.platform != "win32":
        signal.setitimer(signal.ITIMER_PROF, seconds)


def _why_ended(code: int) -> str:
    if sys.platform != "win32" and code == -signal.SIGPROF:
        return "the decoder took too long"
    return f"the decoder crashed, exit code {code}"


if __name__ == "__main__":
    main()
