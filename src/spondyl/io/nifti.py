"""NIfTI-1 and NIfTI-2 files through nibabel, with the header checked before memory is taken.

A header is a few bytes that may ask for terabytes, so shape, type, voxel size and the size of
the file are compared first. nibabel quietly replaces a voxel size of zero by 1 mm; here it is an
error unless the header holds a full matrix (sform), which makes the voxel size redundant.
"""

import gzip
import logging
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import numpy.typing as npt
from nibabel.spatialimages import HeaderDataError
from nibabel.wrapstruct import WrapStructError

from spondyl.errors import ImageError
from spondyl.flag import Flag
from spondyl.io.atomic import atomic_path
from spondyl.io.checks import NO_ORIENTATION, check_shape, check_size, checked_grid
from spondyl.io.nifti_voxels import read_scaled
from spondyl.io.voxels import values_of
from spondyl.volume import Volume

__all__ = ["read_nifti", "write_nifti"]

_log = logging.getLogger(__name__)

_LONGEST_HEADER = 2**26
"""Bytes that a header with its extensions can have before it is taken for damaged."""

_SAME_WAY = 0.7
"""Cosine of the angle between an axis by the sform and by the qform; below it they run different ways."""

_COMPRESSION = 2
"""Gzip level; 6 makes a CT 8 % smaller and takes seven times as long."""

_READ_ERRORS = (OSError, EOFError, zlib.error)

_Header = Any  # Nifti1Header or Nifti2Header, whose methods nibabel does not annotate


def read_nifti(path: Path, *, ct: bool = False) -> Volume:
    """Voxels in their stored order, scaled as the header says, on their grid.

    Args:
        path: The file.
        ct: Whether they are HU, see :func:`spondyl.io.voxels.convert`.

    Returns:
        8-bit integers as stored; int16 where all values are whole and fit; else float32.

    Raises:
        ImageError: not a NIfTI file, not three axes, an impossible header, a truncated file.
    """
    header = _read_header(path)
    try:
        shape = check_shape(path, header.get_data_shape())
        dtype = header.get_data_dtype()
    except (HeaderDataError, ValueError, KeyError, IndexError) as error:
        raise ImageError(f"{path}: damaged NIfTI header ({error})") from error
    if dtype.kind not in "iuf":
        raise ImageError(f"{path}: expected one number per voxel, found {_describe(dtype)}; not a CT")
    offset = _offset(path, header)
    check_size(path, shape, dtype.itemsize, offset, compressed=path.suffix.lower() == ".gz")
    grid = checked_grid(path, shape, _affine(path, header))
    slope, intercept = _scaling(path, header)
    try:
        data = values_of(path, read_scaled(path, offset, dtype, shape, slope, intercept, ct=ct))
    except MemoryError:
        raise ImageError(f"{path}: {shape} voxels do not fit into memory") from None
    except _READ_ERRORS as error:
        raise ImageError(f"{path}: truncated or damaged ({error}); copy or download it again") from error
    return Volume(data, grid, tuple(_remarks(header)))


def write_nifti(volume: Volume, path: Path) -> None:
    """Write voxels with sform (and qform, where the axes are perpendicular), in mm.

    ``bool`` becomes uint8, ``float64`` float32, ``int64`` int32.

    Raises:
        OutputError: the file cannot be written; nothing is left behind.
    """
    data = volume.data
    narrower = {"b1": "u1", "f8": "f4", "f2": "f4", "i8": "i4", "u8": "u4"}.get(data.dtype.str[1:])
    image = nib.Nifti1Image(np.asarray(data, narrower or data.dtype), volume.grid.affine)
    image.header.set_xyzt_units("mm")
    image.set_sform(volume.grid.affine, code=1)
    image.set_qform(volume.grid.affine, code=1)
    if not np.allclose(image.get_qform(), volume.grid.affine, atol=1e-3):
        image.set_qform(volume.grid.affine, code=0)  # sheared: a quaternion cannot say it
    with atomic_path(path) as temporary, temporary.open("wb") as stream:
        if path.suffix.lower() == ".gz":  # without name and time, so that equal images are equal files
            with gzip.GzipFile("", "wb", _COMPRESSION, stream, mtime=0) as packed:
                image.to_stream(packed)
        else:
            image.to_stream(stream)


def _read_header(path: Path) -> _Header:
    """The header as stored: ``check=False``, since nibabel would mend it silently."""
    raw = _first_bytes(path, 540)
    kinds: tuple[Any, ...] = (nib.Nifti1Header, nib.Nifti2Header)
    for kind in kinds:
        if kind.may_contain_header(raw):
            try:
                return kind(raw[: kind.template_dtype.itemsize], check=False)
            except (WrapStructError, HeaderDataError, ValueError) as error:
                raise ImageError(f"{path}: damaged NIfTI header ({error})") from error
    raise ImageError(f"{path}: not a NIfTI file, whatever its name says; {_hint(path)}")


def _first_bytes(path: Path, count: int) -> bytes:
    """The first bytes, unpacked if the name ends in ``.gz``.

    Raises:
        ImageError: the file is missing, empty, not readable or not gzip.
    """
    try:
        if path.stat().st_size == 0:
            raise ImageError(f"{path}: empty file; copy or download it again")
        if path.suffix.lower() != ".gz":
            with path.open("rb") as stream:
                return stream.read(count)
        with gzip.open(path) as packed:
            return packed.read(count)
    except gzip.BadGzipFile:
        raise ImageError(f"{path}: not gzip-compressed although it ends in .gz; {_hint(path)}") from None
    except (EOFError, zlib.error) as error:
        raise ImageError(f"{path}: truncated or damaged gzip ({error}); copy or download it again") from error
    except OSError as error:
        raise ImageError(f"{path}: cannot be read: {error.strerror or error}") from error


def _hint(path: Path) -> str:
    """What to do about a file that is not what its name says, from its first bytes."""
    with path.open("rb") as stream:
        start = stream.read(540)
    if start.startswith(b"\x1f\x8b"):
        return "it is gzip-compressed: rename it to .nii.gz"
    if nib.Nifti1Header.may_contain_header(start) or nib.Nifti2Header.may_contain_header(start):
        return "it is plain NIfTI: rename it to .nii"
    return "expected a CT as .nii or .nii.gz"


def _affine(path: Path, header: _Header) -> npt.NDArray[np.float64]:
    """The matrix to RAS+ mm: sform if it is set, else qform, else voxel sizes alone (as nibabel).

    An sform whose code is set but whose rows are zero counts as absent.
    """
    if _has_sform(header):
        affine = header.get_sform()
    else:
        sizes = header["pixdim"][1:4]
        if not np.isfinite(sizes).all() or (sizes <= 0).any():
            raise ImageError(
                f"{path}: voxel size {tuple(map(float, sizes))} mm in the header; damaged header"
            )
        try:
            affine = header.get_qform() if header["qform_code"] > 0 else header.get_base_affine()
        except (HeaderDataError, ValueError) as error:
            raise ImageError(f"{path}: the orientation in the header is damaged ({error})") from error
        if not _is_oriented(header):
            _log.warning("%s: the header holds no orientation; taken as left, front, head", path)
    return np.asarray(affine, dtype=np.float64)


def _has_sform(header: _Header) -> bool:
    return bool(header["sform_code"] > 0 and np.any(header.get_sform()[:3, :3]))


def _is_oriented(header: _Header) -> bool:
    """Whether the header says which way the axes run."""
    return _has_sform(header) or bool(header["qform_code"] > 0)


def _remarks(header: _Header) -> Iterator[Flag]:
    """Doubts about the orientation: the header tells none, or two, of which nobody knows the right one."""
    if not _is_oriented(header):
        yield NO_ORIENTATION
    elif _has_sform(header) and header["qform_code"] > 0:
        try:
            matrices = header.get_sform()[:3, :3], header.get_qform()[:3, :3]
        except (HeaderDataError, ValueError):  # the quaternion, which is not needed, is damaged
            return
        followed, other = (matrix / np.maximum(np.linalg.norm(matrix, axis=0), 1e-9) for matrix in matrices)
        if (np.sum(followed * other, axis=0) < _SAME_WAY).any():
            codes = ["".join(map(str, nib.aff2axcodes(nib.affines.from_matvec(m)))) for m in matrices]
            yield Flag(
                "orientation_doubtful",
                f"The file tells two orientations, {codes[0]} (sform) and {codes[1]} (qform); the sform was"
                " followed. If that is wrong, left and right may be swapped.",
            )


def _offset(path: Path, header: _Header) -> int:
    """Bytes before the first voxel; 0 in the header means right after it."""
    least = int(header.single_vox_offset)
    stored = float(header["vox_offset"])
    if stored == 0:
        return least
    if not least <= stored <= _LONGEST_HEADER:  # refuses NaN too
        raise ImageError(
            f"{path}: voxels begin at byte {stored:g}, expected {least} or a little more; damaged header"
        )
    return int(stored)


def _scaling(path: Path, header: _Header) -> tuple[float, float]:
    """Slope and intercept of the stored numbers; 1 and 0, as in nibabel, where the slope is 0 or NaN."""
    try:
        slope, intercept = header.get_slope_inter()
    except HeaderDataError as error:
        raise ImageError(f"{path}: damaged NIfTI header ({error})") from error
    return (1.0, 0.0) if slope is None else (float(slope), float(intercept))


def _describe(dtype: np.dtype[Any]) -> str:
    if dtype.names:
        return "colours (RGB)"
    return "complex numbers" if dtype.kind == "c" else str(dtype)
