"""DICOMDIR: the table of contents of a CD or an export."""

from pathlib import Path

from spondyl.dicom.deflated import inflated
from spondyl.dicom.headers import MAX_HEADER, read_dataset
from spondyl.dicom.sources import Source
from spondyl.dicom.tags import READ_ERRORS, pydicom_of, words
from spondyl.errors import ImageError

__all__ = ["listed_files"]


def listed_files(path: Path) -> list[Path]:
    """The image files that a DICOMDIR names, sorted; those that are missing are left out.

    Raises:
        ImageError: not a DICOMDIR, damaged, without images, or one that points outside its folder.
    """
    source = Source(path)
    with path.open("rb") as stream, pydicom_of(path).config.disable_value_validation():
        dataset = read_dataset(source, inflated(source, stream, MAX_HEADER, whole=True))
        try:
            names = [words(record, "ReferencedFileID") for record in dataset.DirectoryRecordSequence]
        except READ_ERRORS as error:
            raise ImageError(
                f"{path}: not a readable DICOMDIR; give the folder that holds the images"
            ) from error
    root = path.absolute().parent
    found = []
    for parts in filter(any, names):
        if any(part in ("", ".", "..") or "/" in part or "\\" in part or ":" in part for part in parts):
            raise ImageError(f"{path}: refused: it names a file outside its folder")
        file = _there(root, parts)
        if file is not None:
            found.append(file)
    if not found:
        raise ImageError(f"{path}: none of the {len(names)} files it names is there; copy the whole disc")
    return sorted(found)


def _there(root: Path, parts: tuple[str, ...]) -> Path | None:
    """The file as the DICOMDIR writes it, or in lower case as some systems copy it from a CD."""
    for file in (root.joinpath(*parts), root.joinpath(*map(str.lower, parts))):
        if file.is_file():
            return file
    return None
