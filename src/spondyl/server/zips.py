"""Archives made for one answer: written beside the uploads, sent, deleted."""

import os
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fastapi.responses import FileResponse
from starlette.background import BackgroundTask

from spondyl.server.layout import DataFolder

__all__ = ["send_once", "writing_zip"]


@contextmanager
def writing_zip(data: DataFolder, *, packed: bool) -> Iterator[tuple[zipfile.ZipFile, Path]]:
    """A new archive and its path, on the disk that is meant to be filled; deleted if anything is raised.

    Args:
        data: Where to.
        packed: Pack what is put in, quickly rather than well.
    """
    handle, name = tempfile.mkstemp(".zip", dir=data.root / "incoming")
    path = Path(name)
    kind = zipfile.ZIP_DEFLATED if packed else zipfile.ZIP_STORED
    try:
        with os.fdopen(handle, "wb") as stream, zipfile.ZipFile(stream, "w", kind, compresslevel=1) as bundle:
            yield bundle, path
    except BaseException:
        path.unlink()  # on a full disk, each new try would leave more
        raise


def send_once(path: Path, name: str) -> FileResponse:
    """An archive as an answer, under a name; it is deleted once it is sent."""
    return FileResponse(
        path, media_type="application/zip", filename=name, background=BackgroundTask(path.unlink)
    )
