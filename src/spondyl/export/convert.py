"""``spondyl export``: further files from a result that is on disk already."""

import logging
from collections.abc import Iterable
from pathlib import Path
from shutil import copytree
from typing import TYPE_CHECKING

from spondyl.errors import AnnotationError, InputError, OutputError
from spondyl.export.formats import FORMATS, check_formats
from spondyl.export.subject import Subject
from spondyl.io.atomic import atomic_folder, atomic_path
from spondyl.result import Result, read_result
from spondyl.result_scan import place_of, scan_of

if TYPE_CHECKING:
    from spondyl.dicom.identity import Dates

__all__ = ["check_deidentified", "export_result"]

logger = logging.getLogger(__name__)


def export_result(  # noqa: PLR0913 - what to write is chosen piece by piece
    folder: Path | str,
    kinds: Iterable[str],
    to: Path | str | None = None,
    *,
    image: Path | str | None = None,
    series: Path | str | None = None,
    secret: bytes | None = None,
    dates: "Dates" = "remove",
    overwrite: bool = False,
    name: str | None = None,
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
        secret: Removes the patient's identity from DICOM objects, see :func:`spondyl.dicom.deidentify`.
        dates: What becomes of dates then.
        overwrite: Replace files that the result does not list.
        name: What reports call the scan; by default the name of ``folder``.

    Returns:
        Kind to file or folder written. Where no vertebra was found, kinds that cannot be empty are left
        out with a warning.

    Raises:
        InputError: no such kind; or a secret, and ``to`` is missing or a kind is no DICOM object.
        AnnotationError: no result there, or no mask where a kind needs one.
        MissingDependencyError: a kind needs an extra.
        ImageError: ``image`` is not the scan of this result, or a kind needs a DICOM series that is not
            there.
        OutputError: something is there already, or a file cannot be written.
    """
    folder, kinds = Path(folder), tuple(dict.fromkeys(kinds))
    check_formats(kinds)
    if secret is not None:
        check_deidentified(kinds, to)
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
    named = series or image
    subject = Subject(
        spine,
        result,
        scan,
        place_of(folder, result, named),
        named is not None,
        name or folder.absolute().name,
    )
    for kind in kinds:
        if lack := FORMATS[kind].lacks(subject):
            logger.warning("%s: %s, so no %s is written", folder, lack, paths.pop(kind).name)
    if to is not None:
        for kind, path in paths.items():
            _write(kind, subject, path, secret, dates)
        return paths
    with atomic_folder(folder) as new:  # the files and the list of them appear together
        copytree(folder, new, dirs_exist_ok=True, symlinks=True)
        for kind, path in paths.items():
            FORMATS[kind].write(subject, new / path.name)
        files = {**result.files, **{kind: path.name for kind, path in paths.items()}}
        result.model_copy(update={"files": files}).write(new / "result.json")
    return paths


def check_deidentified(kinds: Iterable[str], to: Path | str | None) -> None:
    """Refuse what would only look as if nobody could tell whose it is.

    Raises:
        InputError: ``to`` is missing, or a kind is no DICOM object.
    """
    others = [kind for kind in kinds if not FORMATS[kind].needs_series]
    if others:
        raise InputError(f"only DICOM objects are de-identified, not {', '.join(others)}; leave that out")
    if to is None:
        raise InputError(
            "de-identified objects need a folder of their own, --output: beside the result, a correction"
            " would write them anew with the patient's identity"
        )


def _write(kind: str, subject: Subject, path: Path, secret: bytes | None, dates: "Dates") -> None:
    """Write one format; what is de-identified never stands at its place before it is."""
    if secret is None:
        FORMATS[kind].write(subject, path)
        return
    from spondyl.dicom.identity_files import deidentify_file

    with atomic_path(path) as temporary:
        FORMATS[kind].write(subject, temporary)
        deidentify_file(temporary, secret, dates=dates)
