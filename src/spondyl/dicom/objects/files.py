"""Writing DICOM files."""

from pathlib import Path

from pydicom import Dataset

from spondyl.io.atomic import atomic_path

__all__ = ["save"]


def save(dataset: Dataset, path: Path | str) -> None:
    """Write an object as a DICOM file (PS3.10), whole or not at all.

    Raises:
        OutputError: the file cannot be written.
    """
    with atomic_path(path) as temporary:
        dataset.save_as(temporary, enforce_file_format=True)
