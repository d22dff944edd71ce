"""What ``spondyl predict`` writes for one scan: a folder that appears complete or not at all.

::

    OUT/NAME/
        centroids.json   VerSe's format (voxels of the scan), for other programs
        mask.nii.gz      VerSe numbers on the scan's own grid
        preview.png      sagittal and coronal view with names
        result.json      everything, see spondyl.result; written last

and what else was asked for, see :mod:`spondyl.export`.
"""

import logging
import os
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Final

from spondyl.errors import AnnotationError, ImageError, MissingDependencyError, OutputError
from spondyl.export import FORMATS, Subject, check_formats
from spondyl.io.atomic import atomic_folder
from spondyl.io.temporary import sweep
from spondyl.result import Result
from spondyl.spine import Spine
from spondyl.volume import Volume

__all__ = [
    "DEFAULT",
    "RESULT",
    "check_free",
    "one_result",
    "result_folders",
    "write_files",
    "write_outputs",
]

logger = logging.getLogger(__name__)

DEFAULT: Final = ("centroids", "mask", "preview")
"""Kinds of files written without being asked for."""

RESULT: Final = "result.json"


def check_free(folder: Path, *, overwrite: bool) -> None:
    """Refuse a place that holds something already, before any time is spent on a scan.

    Raises:
        OutputError: a result is there and ``overwrite`` is off, or anything else is there.
    """
    sweep(folder)
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return
    if not (folder / RESULT).is_file():
        raise OutputError(f"{folder}: exists and holds no result; choose another place or move it away")
    if not overwrite:
        raise OutputError(f"{folder}: holds a result already; --overwrite replaces it")


def result_folders(folder: Path | str) -> list[Path]:
    """The results in a folder: itself, or the folders in it, by name.

    Raises:
        AnnotationError: no result there.
    """
    folder = Path(folder)
    if (folder / RESULT).is_file():
        return [folder]
    found = sorted(path.parent for path in folder.glob(f"*/{RESULT}") if not path.parent.name.startswith("."))
    if not found:
        raise AnnotationError(f"{folder}: expected a result of 'spondyl predict' (result.json), found none")
    return found


def one_result(folder: Path | str, scan: str | None = None) -> Path:
    """The folder of one scan's result.

    Args:
        folder: It, or the folder of many results.
        scan: Which of many.

    Raises:
        AnnotationError: no result there, or several and none chosen.
    """
    folders = result_folders(folder)
    if scan is None and folders == [Path(folder)]:
        return folders[0]
    chosen = [found for found in folders if found.name == scan]
    if not chosen:
        names = ", ".join(found.name for found in folders[:8]) + (", ..." if len(folders) > 8 else "")
        wanted = f"give one of them, such as {folders[0]}" if scan is None else f"none is called {scan}"
        raise AnnotationError(f"{folder}: holds the results {names}; {wanted}")
    return chosen[0]


def write_outputs(  # noqa: PLR0913 - what to write is chosen piece by piece
    spine: Spine,
    volume: Volume,
    folder: Path | str,
    *,
    file: Path | str | None = None,
    sha256: str | None = None,
    series: str | None = None,
    also: Iterable[str] = (),
    only_result: bool = False,
    preview: bool = True,
    overwrite: bool = False,
) -> Result:
    """Write all files of one scan.

    Args:
        spine: What was found. Without a mask, nothing that needs one is written.
        volume: The scan in HU, for its grid and the preview.
        folder: The scan's own folder; missing parents are made.
        file: The scan's file, for the record: its name, and if it exists, the way to it.
        sha256: Of the scan's content, for the record.
        series: Series Instance UID of a DICOM series, for the record and for objects that refer to it.
        also: Further kinds of files, keys of :data:`spondyl.export.FORMATS`.
        only_result: Leave out everything but ``result.json``.
        preview: Draw the preview.
        overwrite: Replace an earlier result.

    Returns:
        What ``result.json`` holds.

    Raises:
        InputError: no such kind of file.
        MissingDependencyError: a kind of file needs an extra.
        OutputError: something is there already, or the files cannot be written; nothing is left
            half-written, and an earlier result stays as it was.
    """
    folder = Path(folder)
    kinds = dict.fromkeys(() if only_result else (*DEFAULT, *also))  # each once, in this order
    if not preview:
        kinds.pop("preview", None)
    check_formats(kinds)
    check_free(folder, overwrite=overwrite)
    name, way = (None, None) if file is None else (Path(file).name, _way(Path(file), folder))
    # What is read back from result.json is what the other files hold, to the last digit.
    described = Result.of(spine, volume.grid, file=name, path=way, sha256=sha256, series=series)
    spine = replace(described.to_spine(), mask=spine.mask, provenance=spine.provenance)
    with atomic_folder(folder) as new:
        files = write_files(
            Subject(
                spine, described, volume, None if file is None else Path(file), name=folder.absolute().name
            ),
            new,
            kinds,
        )
        result = described.model_copy(update={"files": files})
        result.write(new / RESULT)
    return result


def write_files(subject: Subject, folder: Path, kinds: Iterable[str]) -> dict[str, str]:
    """Write files of one scan into a folder.

    Args:
        subject: What to write. Kinds that need more than it has (a mask, a vertebra, a DICOM series) are
            left out with a warning; without the scan, pictures show mask and names on black.
        folder: Where to.
        kinds: Keys of :data:`spondyl.export.FORMATS`.

    Returns:
        What was written: kind to name.
    """
    files = {}
    for kind in kinds:
        name = FORMATS[kind].name
        lack = FORMATS[kind].lacks(subject) or (_no_series(subject) if FORMATS[kind].needs_series else None)
        if lack is not None:
            level = logging.DEBUG if kind in DEFAULT else logging.WARNING
            logger.log(level, "%s: %s, so no %s is written", folder, lack, name)
            continue
        FORMATS[kind].write(subject, folder / name)
        files[kind] = name
    return files


def _no_series(subject: Subject) -> str | None:
    """Why there is no DICOM series to refer to; ``None`` if there is."""
    try:
        return None if subject.headers else "there is no DICOM series"
    except (ImageError, MissingDependencyError) as error:
        return str(error)


def _way(file: Path, folder: Path) -> str | None:
    """Way from a folder to a file, if there is such a file and (on Windows) such a way."""
    try:
        return Path(os.path.relpath(file.resolve(strict=True), folder.resolve())).as_posix()
    except (OSError, ValueError):
        return None
