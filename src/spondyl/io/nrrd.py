"""Headers of NRRD (``.nrrd``, ``.nhdr``): lines of ``field: value`` up to an empty one.

https://teem.sourceforge.net/nrrd/format.html; where it leaves something open, what ITK does.
"""

import re
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from spondyl.errors import ImageError
from spondyl.io.image_header import ImageHeader, beside, lines_of, numbers, sizes

__all__ = ["read_nrrd_header"]

_WIDTHS: Final = {
    "i1": ("signed char", "int8", "int8_t"),
    "u1": ("uchar", "unsigned char", "uint8", "uint8_t"),
    "i2": ("short", "short int", "signed short", "signed short int", "int16", "int16_t"),
    "u2": ("ushort", "unsigned short", "unsigned short int", "uint16", "uint16_t"),
    "i4": ("int", "signed int", "int32", "int32_t"),
    "u4": ("uint", "unsigned int", "uint32", "uint32_t"),
    "i8": ("longlong", "long long", "long long int", "signed long long int", "int64", "int64_t"),
    "u8": ("ulonglong", "unsigned long long", "unsigned long long int", "uint64", "uint64_t"),
    "f4": ("float",),
    "f8": ("double",),
}
_TYPES: Final = {name: width for width, names in _WIDTHS.items() for name in names}

_TO_LPS: Final = {
    "left-posterior-superior": (1, 1, 1),
    "lps": (1, 1, 1),
    "left-anterior-superior": (1, -1, 1),
    "las": (1, -1, 1),
    "right-anterior-superior": (-1, -1, 1),
    "ras": (-1, -1, 1),
}
"""Spaces of patients; others (``scanner-xyz``) are taken for LPS, as in ITK, and for doubtful."""

_VECTOR: Final = re.compile(r"\(([^()]*)\)|(none)")
_DETACHED: Final = ("data file", "datafile")

_Fields = dict[str, str]


def read_nrrd_header(path: Path) -> ImageHeader:
    """What an NRRD file says about itself.

    Raises:
        ImageError: it is none, its header is damaged, or it is of a kind that is not read here.
        OSError: it cannot be read.
    """
    fields, end = _read(path)
    shape = sizes(path, "sizes", fields.get("sizes", ""), fields.get("dimension", ""))
    ways = _ways(path, fields, len(shape))
    spatial = [axis for axis, way in enumerate(ways) if way is not None]
    others = [shape[axis] for axis in range(len(shape)) if axis not in spatial]
    if any(count != 1 for count in others):
        raise ImageError(f"{path}: {' x '.join(map(str, others))} numbers per voxel; not a CT")
    if len(spatial) < 3:
        raise ImageError(f"{path}: expected a 3-D volume, found {len(spatial)} axes in space")
    packed = _is_packed(path, fields)
    file, offset = _place(path, fields, end, packed=packed)
    return ImageHeader(
        path,
        file,
        offset,
        packed,
        tuple(shape[axis] for axis in spatial),
        _dtype(path, fields),
        _affine(path, fields, [way for way in ways if way is not None]),
        fields.get("space", "").lower() in _TO_LPS and "space directions" in fields,
    )


def _read(path: Path) -> tuple[_Fields, int]:
    """The fields, by their names in small letters, and where the header ends."""
    fields: _Fields = {}
    with path.open("rb") as stream:
        lines = lines_of(path, stream)
        if not next(lines, "").startswith("NRRD000"):
            raise ImageError(f"{path}: not an NRRD file, whatever its name says")
        for line in lines:
            if not line:
                return fields, stream.tell()
            name, separator, value = line.partition(":")
            if line.startswith("#") or value.startswith("="):  # a comment; a key of some program
                continue
            if not separator:
                raise ImageError(f"{path}: a header line {line[:40]!r} without a colon; damaged header")
            fields[name.strip().lower()] = value.strip()
        if not any(name in fields for name in _DETACHED):
            raise ImageError(f"{path}: the header breaks off; truncated")
        return fields, stream.tell()


def _dtype(path: Path, fields: _Fields) -> np.dtype[Any]:
    kind, endian = fields.get("type", "").lower(), fields.get("endian", "").lower()
    if kind not in _TYPES:
        raise ImageError(f"{path}: voxels of type {kind[:40]!r}; expected numbers such as int16")
    dtype = np.dtype((">" if endian == "big" else "<") + _TYPES[kind])
    if dtype.itemsize > 1 and endian not in ("little", "big"):
        raise ImageError(
            f"{path}: does not say in which order the bytes of a number are (endian); damaged header"
        )
    return dtype


def _is_packed(path: Path, fields: _Fields) -> bool:
    encoding = fields.get("encoding", "").lower()
    if encoding not in ("raw", "gzip", "gz"):
        raise ImageError(
            f"{path}: encoding {encoding[:40]!r}; expected raw or gzip, write it again as .nii.gz"
        )
    return encoding != "raw"


def _place(path: Path, fields: _Fields, end: int, *, packed: bool) -> tuple[Path, int]:
    """The file with the voxels, and the bytes before them."""
    names = [fields[name] for name in _DETACHED if name in fields]
    lines, skipped = (
        int(numbers(path, name, fields.get(name) or fields.get(name.replace(" ", ""), "0"), 1)[0])
        for name in ("line skip", "byte skip")
    )
    if lines or skipped < -1 or (packed and skipped):
        raise ImageError(
            f"{path}: skips {lines} lines and {skipped} bytes before its voxels, which is not read here"
        )
    if not names:
        return path, -1 if skipped == -1 else end + skipped
    if names[0].split()[:1] == ["LIST"] or "%" in names[0]:
        raise ImageError(f"{path}: its voxels lie in a list of files; write it again as one file")
    return beside(path, names[0]), skipped


def _ways(path: Path, fields: _Fields, axes: int) -> list[npt.NDArray[np.float64] | None]:
    """Steps along each axis, ``(3,)`` mm in the file's space; ``None``: no axis of space."""
    units = fields.get("space units", "").replace('"', " ").split()
    if any(unit not in ("mm", "millimeter", "millimetre", "none", "???") for unit in units):
        raise ImageError(f"{path}: lengths in {' '.join(units)[:40]}; expected mm")
    if "space directions" not in fields:
        spacings = numbers(path, "spacings", fields.get("spacings", "1 " * axes), axes)
        return [spacing * np.eye(max(axes, 3))[axis, :3] for axis, spacing in enumerate(spacings)]
    found = _VECTOR.findall(fields["space directions"])
    if len(found) != axes:
        raise ImageError(f"{path}: space directions of {len(found)} axes, found {axes}; damaged header")
    return [None if none else _vector(path, "space directions", vector) for vector, none in found]


def _affine(path: Path, fields: _Fields, ways: list[npt.NDArray[np.float64]]) -> npt.NDArray[np.float64]:
    """From voxels to LPS+ mm."""
    affine = np.eye(4)
    affine[:3, :3] = np.stack(ways[:3], axis=1)
    if "space origin" in fields:
        affine[:3, 3] = _vector(path, "space origin", fields["space origin"].strip("()"))
    signs = _TO_LPS.get(fields.get("space", "").lower(), (1, 1, 1))
    return np.diag([*signs, 1.0]) @ affine


def _vector(path: Path, name: str, text: str) -> npt.NDArray[np.float64]:
    return numbers(path, name, text.replace(",", " "), 3)
