"""MetaImage, NRRD and other formats through the optional SimpleITK (extra ``itk``)."""

from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from spondyl.errors import ImageError, MissingDependencyError
from spondyl.io.atomic import atomic_path
from spondyl.io.nifti import MAX_VOXELS, check_shape, checked_grid
from spondyl.volume import Volume

__all__ = ["READABLE", "WRITABLE", "read_itk", "write_itk"]

READABLE = (".mha", ".mhd", ".nrrd", ".nhdr")
"""Suffixes read through SimpleITK."""

WRITABLE = (".mha", ".nrrd")
"""Suffixes written through SimpleITK; formats of two files are not written, see :mod:`.atomic`."""

_LPS = np.diag([-1.0, -1.0, 1.0, 1.0])
"""ITK's world is LPS+: x to the left, y to the back; the same matrix leads there and back."""


def read_itk(path: Path) -> Volume:
    """Voxels in ITK's index order (x fastest in the file), on their grid in RAS+ mm.

    Raises:
        MissingDependencyError: SimpleITK is not installed.
        ImageError: not readable, not three axes, more than one number per voxel.
    """
    sitk = _simpleitk(path)
    reader = sitk.ImageFileReader()
    reader.SetFileName(str(path))
    try:
        reader.ReadImageInformation()
        shape = check_shape(path, reader.GetSize())
        if reader.GetNumberOfComponents() != 1:
            raise ImageError(f"{path}: {reader.GetNumberOfComponents()} numbers per voxel; not a CT")
        if int(np.prod(shape, dtype=object)) > MAX_VOXELS:
            raise ImageError(f"{path}: the header announces {shape} voxels, more than any CT")
        image = reader.Execute()
    except RuntimeError as error:
        reason = str(error).strip().splitlines()[-1].strip()
        raise ImageError(f"{path}: cannot be read, truncated or damaged ({reason})") from error
    axes = image.GetDimension()
    affine = np.eye(4)
    affine[:3, :3] = (np.reshape(image.GetDirection(), (axes, axes)) * np.array(image.GetSpacing()))[:3, :3]
    affine[:3, 3] = image.GetOrigin()[:3]
    grid = checked_grid(path, shape, _LPS @ affine)
    data = sitk.GetArrayFromImage(image).T.reshape(shape, order="F")  # a view: in the file's order
    return Volume(data, grid)


def write_itk(volume: Volume, path: Path) -> None:
    """Write ``.mha`` or ``.nrrd``, compressed.

    Raises:
        MissingDependencyError: SimpleITK is not installed.
        ImageError: the grid is sheared, which ITK cannot store.
        OutputError: the file cannot be written; nothing is left behind.
    """
    sitk = _simpleitk(path)
    affine = _LPS @ volume.grid.affine
    spacing = np.array(volume.grid.spacing_mm)
    direction = affine[:3, :3] / spacing
    if not np.allclose(direction.T @ direction, np.eye(3), atol=1e-4):
        raise ImageError(f"{path}: ITK formats hold perpendicular axes only; write .nii.gz instead")
    data: Any = volume.data.astype(np.uint8) if volume.data.dtype == bool else volume.data
    image = sitk.GetImageFromArray(np.ascontiguousarray(data.T))
    image.SetSpacing(spacing.tolist())
    image.SetDirection(direction.ravel().tolist())
    image.SetOrigin(affine[:3, 3].tolist())
    with atomic_path(path) as temporary:
        try:
            sitk.WriteImage(image, str(temporary), True)
        except RuntimeError as error:  # a full disk, for one
            raise OSError(str(error).strip().splitlines()[-1].strip()) from error


def _simpleitk(path: Path) -> ModuleType:
    try:
        import SimpleITK
    except ImportError:
        raise MissingDependencyError(
            f"{path}: {path.suffix} files need SimpleITK; install it with: pip install 'spondyl[itk]'"
        ) from None
    return SimpleITK
