"""``spondyl export``: further files from a result that is on disk already."""

import logging
from collections.abc import Iterable
from pathlib import Path
from shutil import copytree

from spondyl.errors import AnnotationError, OutputError
from spondyl.export.formats import FORMATS, check_formats
from spondyl.export.subject import Subject
from spondyl.io.atomic import atomic_folder
from spondyl.result import Result, read_result
from spondyl.result_scan import place_of, scan_of

__all__ = ["export_result"]

logger = logging.getLogger(__name__)


def export_result(
    folder: Path | str,
    kinds: Iterable[str],
    to: Path | str | None = None,
    *,
    image: Path | str | None = None,
    series: Path | str | None = None,
    overwrite: bool = False,
) -> dict[str, Path]:
    """Write a result in further formats.

    Args:
        folder: The result of one scan.
        kinds: Keys of :data:`spondyl.export.FORMATS`.
        to: Where to write; by default beside the result, which then lists the new files, so that a
            later correction rewrites them too.
        image: The scan, if it has moved; only for kinds that are drawn from it.
        series: Folder, archive or file of the DICOM series, for kinds that refer to its images; by
            default where the scan is.
        overwrite: Replace files that the result does not list.

    Returns:
        Kind to file or folder written. Where no vertebra was found, kinds that cannot be empty are left
        out with a warning.

    Raises:
        InputError: no such kind.
        AnnotationError: no result there, or no mask where a kind needs one.
        MissingDependencyError: a kind needs an extra.
        ImageError: ``image`` is not the scan of this result, or a kind needs a DICOM series that is not
            there.
        OutputError: something is there already, or a file cannot be written.
    """
    folder, kinds = Path(folder), tuple(dict.fromkeys(kinds))
    check_formats(kinds)
    result = Result.read(folder / "result.json")
    drawn = any(FORMATS[kind].shows_scan for kind in kinds)
    spine = read_result(folder, mask=drawn or any(FORMATS[kind].needs_mask for kind in kinds))
    target = folder if to is None else Path(to)
    paths = {kind: target / FORMATS[kind].name for kind in kinds}
    ours = result.files if target.resolve() == folder.resolve() else {}
    for kind, path in paths.items():
        if FORMATS[kind].needs_mask and spine.mask is None:
            raise AnnotationError(
                f"{folder}: {path.name} needs the vertebrae as voxels, and there is no mask"
            )
        if path.exists() and kind not in ours and not overwrite:
            raise OutputError(f"{path}: exists; --overwrite replaces it")
    scan = scan_of(folder, result, image) if drawn else None
    subject = Subject(spine, result, scan, place_of(folder, result, series or image))
    for kind in kinds:
        if lack := FORMATS[kind].lacks(subject):
            logger.warning("%s: %s, so no %s is written", folder, lack, paths.pop(kind).name)
    if to is not None:
        for kind, path in paths.items():
            FORMATS[kind].write(subject, path)
        return paths
    with atomic_folder(folder) as new:  # the files and the list of them appear together
        copytree(folder, new, dirs_exist_ok=True, symlinks=True)
        for kind, path in paths.items():
            FORMATS[kind].write(subject, new / path.name)
        files = {**result.files, **{kind: path.name for kind, path in paths.items()}}
        result.model_copy(update={"files": files}).write(new / "result.json")
    return paths
