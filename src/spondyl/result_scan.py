"""The scan that a result on disk was made from."""

import logging
from pathlib import Path
from typing import Final

from spondyl.errors import ImageError, MissingDependencyError
from spondyl.result import Result
from spondyl.volume import Volume

__all__ = ["place_of", "read_scan", "scan_of"]

logger = logging.getLogger(__name__)

_WITHOUT_SCAN: Final = (
    "the preview is drawn without it, and nothing is measured again; --image names the scan"
)


def scan_of(folder: Path, result: Result, image: Path | str | None = None) -> Volume | None:
    """Read the scan of a result, looked for where it was when it was predicted.

    Args:
        folder: Of the result.
        result: What its ``result.json`` holds.
        image: The scan, if it has moved.

    Returns:
        ``None``, with a warning in the log, where it is no longer found.

    Raises:
        ImageError: the image given by hand cannot be read, or is another one.
    """
    if image is not None:
        return _on_grid(read_scan(Path(image), result.scan.series), result, image)
    if result.scan.path is None:
        logger.warning("%s: where the scan lies is not recorded, so %s", folder, _WITHOUT_SCAN)
        return None
    path = folder / result.scan.path
    try:
        return _on_grid(read_scan(path, result.scan.series), result, path)
    except (ImageError, MissingDependencyError) as error:
        logger.warning("%s, so %s", error, _WITHOUT_SCAN)
        return None


def place_of(folder: Path, result: Result, image: Path | str | None = None) -> Path | None:
    """Where the scan of a result is said to be; nobody has looked whether it is there."""
    if image is not None:
        return Path(image)
    return None if result.scan.path is None else folder / result.scan.path


def read_scan(path: Path, series: str | None) -> Volume:
    """Read a scan; of several DICOM series in one place the right one, if it is there under its UID.

    Args:
        path: As for :func:`spondyl.io.read_image`.
        series: What the result says of it.

    Raises:
        ImageError: it cannot be read.
        MissingDependencyError: its format needs an extra.
    """
    from spondyl.io import read_image

    if series is not None:
        from spondyl.dicom import find_series, is_dicom, read_series

        found = [info for info in find_series(path) if info.uid == series] if is_dicom(path) else []
        if len(found) == 1:
            return read_series(found[0]).volume
    return read_image(path)


def _on_grid(volume: Volume, result: Result, path: Path | str) -> Volume:
    if not volume.grid.is_close(result.grid):
        raise ImageError(f"{path}: not the scan of this result: it lies on another grid")
    return volume
