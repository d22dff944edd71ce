"""What ``spondyl predict`` writes for one scan: a folder that appears complete or not at all.

::

    OUT/NAME/
        centroids.json   VerSe's format (voxels of the scan), for other programs
        mask.nii.gz      VerSe numbers on the scan's own grid
        preview.png      sagittal and coronal view with names
        result.json      everything, see spondyl.result; written last
"""

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Final

from spondyl.errors import OutputError
from spondyl.result import Result
from spondyl.spine import Spine
from spondyl.volume import Volume

__all__ = ["FILES", "check_free", "write_outputs"]

FILES: Final = {"centroids": "centroids.json", "mask": "mask.nii.gz", "preview": "preview.png"}
"""Kind to name, for everything beside ``result.json``."""

_RESULT = "result.json"


def check_free(folder: Path, *, overwrite: bool) -> None:
    """Refuse a place that holds something already, before any time is spent on a scan.

    Raises:
        OutputError: a result is there and ``overwrite`` is off, or anything else is there.
    """
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return
    if not (folder / _RESULT).is_file():
        raise OutputError(f"{folder}: exists and holds no result; choose another place or move it away")
    if not overwrite:
        raise OutputError(f"{folder}: holds a result already; --overwrite replaces it")


def write_outputs(
    spine: Spine,
    volume: Volume,
    folder: Path | str,
    *,
    file: str | None = None,
    only_result: bool = False,
    overwrite: bool = False,
) -> Result:
    """Write all files of one scan.

    Args:
        spine: What was found. Without a mask, no mask is written.
        volume: The scan in HU, for its grid and the preview.
        folder: The scan's own folder; missing parents are made.
        file: Name of the scan's file, for the record.
        only_result: Leave out everything but ``result.json``.
        overwrite: Replace an earlier result.

    Returns:
        What ``result.json`` holds.

    Raises:
        OutputError: something is there already, or the files cannot be written; nothing is left
            half-written, and an earlier result stays as it was.
    """
    folder = Path(folder)
    check_free(folder, overwrite=overwrite)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{folder.name}.", dir=folder.parent) as temporary:
            new = Path(temporary) / "new"
            new.mkdir()
            files = {} if only_result else _write_files(spine, volume, new)
            result = Result.of(spine, volume.grid, file=file, files=files)
            result.write(new / _RESULT)
            if folder.exists():
                folder.rename(Path(temporary) / "old")
            new.rename(folder)
    except OSError as error:
        raise OutputError(f"{folder}: cannot be written: {error.strerror or error}") from error
    return result


def _write_files(spine: Spine, volume: Volume, folder: Path) -> dict[str, str]:
    """Write the files that :data:`FILES` names; those written, by kind."""
    from spondyl.io import write_centroids, write_mask
    from spondyl.report.preview import preview

    files = dict(FILES)
    write_centroids(spine, folder / files["centroids"], volume.grid)
    if spine.mask is None:
        del files["mask"]
    else:
        write_mask(replace(spine.mask, grid=volume.grid), folder / files["mask"])
    preview(volume, spine, folder / files["preview"])
    return files
