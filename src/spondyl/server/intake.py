"""From the files of an upload to one scan, trusting none of them."""

import zipfile
from pathlib import Path
from typing import Final

from spondyl.datasets.files import list_files
from spondyl.datasets.unpack import unpack
from spondyl.errors import DownloadError, ImageError, InputError
from spondyl.io import read_image
from spondyl.server.layout import CaseFiles
from spondyl.server.settings import Settings
from spondyl.volume import Volume

__all__ = ["read_upload"]

_IMAGES: Final = (".nii", ".nii.gz", ".mha", ".nrrd")
"""Formats of one file. ``.mhd`` and ``.nhdr`` name another file, which would be read for the sender."""


def read_upload(files: CaseFiles, settings: Settings) -> Volume:
    """The scan that was sent: a file, an archive with one, or a DICOM series.

    Args:
        files: Of the case; an archive is unpacked beside its upload.
        settings: Limits for archives.

    Returns:
        HU on the scan's own grid.

    Raises:
        InputError: no scan in it, several, one that cannot be read, or an archive not to be trusted.
        MissingDependencyError: an optional reader is not installed.
    """
    folder = files.upload
    sent = list_files(folder)
    if len(sent) == 1 and _is_zip(sent[0]):
        folder = files.unpacked
        _unpack(sent[0], folder, settings)
        sent = list_files(folder)
    images = [path for path in sent if path.name.lower().endswith(_IMAGES)]
    if len(images) > 1:
        raise ImageError(f"expected one scan, found {len(images)} images in one upload; send them one by one")
    if images:
        return read_image(images[0])
    from spondyl.dicom import is_dicom, read_series

    if not any(is_dicom(path) for path in sent):
        raise ImageError(
            f"no scan among {len(sent)} file(s); expected one {', '.join(_IMAGES)}, a DICOM series,"
            " or a zip of these"
        )
    return read_series(folder).volume


def _is_zip(path: Path) -> bool:
    return zipfile.is_zipfile(path)


def _unpack(archive: Path, folder: Path, settings: Settings) -> None:
    """Unpack what stays within the limits; sizes are those announced, and no more is ever unpacked."""
    try:
        with zipfile.ZipFile(archive) as bundle:
            members = bundle.infolist()
        size = sum(member.file_size for member in members)
        if len(members) > settings.max_files or size > settings.max_unpacked_mb << 20:
            raise InputError(
                f"the archive holds {len(members)} files of {size / 1e6:.0f} MB, more than the"
                f" {settings.max_files} files or {settings.max_unpacked_mb} MB allowed; send one series"
            )
        unpack(archive, folder)
    except (DownloadError, zipfile.BadZipFile, ValueError) as error:
        raise InputError(f"the archive cannot be unpacked: {error}".replace(f"{archive}: ", "")) from error
