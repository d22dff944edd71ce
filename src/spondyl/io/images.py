"""CT images: any supported file to a :class:`~spondyl.volume.Volume` in Hounsfield units, and back."""

import logging
import os
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from spondyl.errors import ImageError, OutputError
from spondyl.flag import Flag
from spondyl.io import described, itk
from spondyl.volume import Volume

__all__ = ["NOT_HU", "SUFFIXES", "check_values", "read_image", "read_voxels", "write_image"]

_log = logging.getLogger(__name__)

SUFFIXES = (".nii", ".nii.gz", *described.READABLE)
"""File name endings that can be read."""

_MIN_SLICES = 4
"""A localizer has one slice, or three that cross; fewer than four show no vertebra whole."""

NOT_HU = Flag("not_hounsfield", "No value lies below that of water, so these may not be Hounsfield units.")

_MIN_SPAN_HU = 100
"""A body in a CT spans thousands of HU; less is a mask, or an image scaled to 0..1 or by z-score."""


def read_image(path: Path | str) -> Volume:
    """Read a CT.

    Args:
        path: NIfTI (``.nii``, ``.nii.gz``), MetaImage (``.mha``, ``.mhd``), NRRD (``.nrrd``, ``.nhdr``);
            with the extra ``spondyl[dicom]`` a folder, zip archive, DICOMDIR or file of a DICOM series.

    Returns:
        Hounsfield units in the file's own voxel order: int16 where all are whole numbers of that
        size, else float32. Voxels that are not finite become -1024 (air), and scans of more than 2^28
        voxels (512 x 512 x 1024) are rounded to whole HU, each with a warning in the log.

    Raises:
        ImageError: no such file; not a readable 3-D image; fewer than four slices; values that
            cannot be HU.
        MissingDependencyError: a DICOM series, and its extra is not installed.
    """
    path = Path(path)
    if _is_dicom(path):
        from spondyl.dicom import read_series

        return read_series(path).volume
    volume = read_voxels(path, ct=True)
    if min(volume.grid.shape) < _MIN_SLICES:
        found = " x ".join(map(str, volume.grid.shape))
        raise ImageError(
            f"{path}: {found} voxels; expected at least {_MIN_SLICES} along every axis. A localizer (scout)?"
            " Give the series of axial slices"
        )
    data = volume.data
    remarks = (*volume.remarks, *check_values(path, data))
    if data.dtype.kind in "iu":
        fits = np.iinfo(np.int16).min <= data.min() and data.max() <= np.iinfo(np.int16).max
        data = data.astype(np.int16 if fits else np.float32, copy=False)
    return Volume(data, volume.grid, remarks)


def write_image(volume: Volume, path: Path | str) -> None:
    """Write an image; the format follows the suffix (``.nii``, ``.nii.gz``, ``.mha``, ``.nrrd``).

    Voxel order and values are kept (``float64`` becomes float32, ``bool`` uint8).

    Raises:
        OutputError: an unknown suffix, or the file cannot be written; nothing is left behind.
        MissingDependencyError: the format needs SimpleITK.
    """
    path = Path(path)
    if _is_nifti(path):
        from spondyl.io.nifti import write_nifti

        write_nifti(volume, path)
    elif path.suffix.lower() in itk.WRITABLE:
        itk.write_itk(volume, path)
    else:
        known = ", ".join((".nii", ".nii.gz", *itk.WRITABLE))
        raise OutputError(f"{path}: unknown image format; the name must end in one of {known}")


def read_voxels(path: Path, *, ct: bool = False) -> Volume:
    """Voxels of any supported file.

    Args:
        path: NIfTI, MetaImage or NRRD.
        ct: Whether they are HU, see :func:`spondyl.io.voxels.convert`; otherwise they are kept as they are.

    Raises:
        ImageError: no such file; not a readable 3-D image.
    """
    if os.path.isdir(path):  # noqa: PTH112 - Path.is_dir raises where the parent cannot be looked into
        raise ImageError(f"{path}: a folder; expected an image file ({', '.join(SUFFIXES)})")
    if not os.path.exists(path):  # noqa: PTH110
        raise ImageError(f"{path}: no such file, or not yours to read")
    if _is_nifti(path):
        from spondyl.io.nifti import read_nifti

        return read_nifti(path, ct=ct)
    if path.suffix.lower() in described.READABLE:
        return described.read_described(path, ct=ct)
    raise ImageError(
        f"{path}: unknown image format; expected one of {', '.join(SUFFIXES)}, or a DICOM series"
    )


def _is_dicom(path: Path) -> bool:
    from spondyl.dicom import is_dicom

    return not path.name.lower().endswith(SUFFIXES) and is_dicom(path)


def _is_nifti(path: Path) -> bool:
    return path.name.lower().endswith((".nii", ".nii.gz"))


def check_values(path: Path, data: npt.NDArray[Any]) -> tuple[Flag, ...]:
    """Refuse what cannot be Hounsfield units, and remark on what looks unlike them."""
    low, high = float(data.min()), float(data.max())
    if low == high:
        raise ImageError(f"{path}: every voxel is {low:g}; not a CT, export or copy it again")
    if high - low < _MIN_SPAN_HU:
        raise ImageError(
            f"{path}: values from {low:g} to {high:g} are not Hounsfield units (air -1000, water 0,"
            " bone 200 and more); a mask, or an image that was normalised? Give the original CT"
        )
    if low >= 0:
        _log.warning(
            "%s: values from %g to %g without anything below water; if 1024 was added to the"
            " Hounsfield units, or the image was cut to grey levels, results will be wrong",
            path,
            low,
            high,
        )
        return (NOT_HU,)
    return ()
