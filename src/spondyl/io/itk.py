"""Writing MetaImage and NRRD through the optional SimpleITK (extra ``itk``); they are read without it."""

from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from spondyl.errors import ImageError, MissingDependencyError
from spondyl.io.atomic import atomic_path
from spondyl.volume import Volume

__all__ = ["WRITABLE", "write_itk"]

WRITABLE = (".mha", ".nrrd")
"""Suffixes written through SimpleITK; formats of two files are not written, see :mod:`.atomic`."""

_LPS = np.diag([-1.0, -1.0, 1.0, 1.0])
"""ITK's world is LPS+: x to the left, y to the back; the same matrix leads there and back."""


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
