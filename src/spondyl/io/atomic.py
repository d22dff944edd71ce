"""Writing without ever leaving half a file or folder: a temporary name beside the target, then a rename."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from spondyl.errors import OutputError

__all__ = ["atomic_folder", "atomic_path", "write_text"]


@contextmanager
def atomic_path(target: Path | str) -> Iterator[Path]:
    """A path to write to; it becomes ``target`` when the block ends, or vanishes when it fails.

    The temporary name keeps the suffixes of ``target``, since many writers choose the format by
    them. Missing parent folders are made.

    Raises:
        OutputError: the file cannot be written (no space, no permission, a folder in its place).
    """
    target = Path(target)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    except OSError as error:
        raise OutputError(f"{target}: cannot be written: {error.strerror or error}") from error
    temporary = folder / target.name
    try:
        yield temporary
        temporary.replace(target)
    except OSError as error:
        raise OutputError(f"{target}: cannot be written: {error.strerror or error}") from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def atomic_folder(target: Path | str) -> Iterator[Path]:
    """An empty folder to fill; it becomes ``target`` when the block ends, or vanishes when it fails.

    A folder of that name is replaced as a whole, and still there if anything fails. Missing parent
    folders are made.

    Raises:
        OutputError: the folder cannot be written (no space, no permission).
    """
    target = Path(target)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{target.name}.", dir=target.parent) as temporary:
            new, old = Path(temporary) / "new", Path(temporary) / "old"
            new.mkdir()
            yield new
            if target.exists():
                target.rename(old)
            try:
                new.rename(target)
            except OSError:
                if old.exists():
                    old.rename(target)
                raise
    except OSError as error:
        raise OutputError(f"{target}: cannot be written: {error.strerror or error}") from error


def write_text(target: Path | str, text: str) -> None:
    """Write UTF-8 text atomically, with Unix line ends, and flush it to the disk.

    Raises:
        OutputError: the file cannot be written.
    """
    with atomic_path(target) as temporary, temporary.open("w", encoding="utf-8", newline="\n") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
