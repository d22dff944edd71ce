"""Headers of MetaImage (``.mha``, ``.mhd``): lines of ``Key = Value``; the last says where the voxels are.

https://itk.org/Wiki/ITK/MetaIO/Documentation; where that is silent, what ITK does.
"""

import re
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from spondyl.errors import ImageError
from spondyl.io.image_header import ImageHeader, beside, lines_of, numbers, sizes

__all__ = ["read_metaimage_header"]

_TYPES: Final = {
    "MET_CHAR": "i1",
    "MET_UCHAR": "u1",
    "MET_SHORT": "i2",
    "MET_USHORT": "u2",
    "MET_INT": "i4",
    "MET_UINT": "u4",
    "MET_LONG": "i4",
    "MET_ULONG": "u4",
    "MET_LONG_LONG": "i8",
    "MET_ULONG_LONG": "u8",
    "MET_FLOAT": "f4",
    "MET_DOUBLE": "f8",
}

_LAST: Final = "ElementDataFile"
_DIRECTIONS: Final = ("TransformMatrix", "Rotation", "Orientation")
_ORIGINS: Final = ("Offset", "Position", "Origin")
_SPACINGS: Final = ("ElementSpacing", "ElementSize")
_LINE: Final = re.compile(r"\s*(?P<key>[^=:]*?)\s*[=:]\s*(?P<value>.*?)\s*")
_BIG_ENDIAN: Final = ("BinaryDataByteOrderMSB", "ElementByteOrderMSB")


class _Fields(dict[str, str]):
    """Keys of a header and their values."""

    def first(self, names: tuple[str, ...]) -> str | None:
        """The value under the first of some names of the same thing."""
        return next((self[name] for name in names if name in self), None)

    def says(self, *names: str, default: bool = False) -> bool:
        """Whether a field is true."""
        value = self.first(names)
        return default if value is None else value[:1].upper() in ("T", "1")


def read_metaimage_header(path: Path) -> ImageHeader:
    """What a MetaImage says about itself.

    Raises:
        ImageError: it is none, its header is damaged, or it is of a kind that is not read here.
        OSError: it cannot be read.
    """
    fields, end = _read(path)
    shape = sizes(path, "DimSize", fields.get("DimSize", ""), fields.get("NDims", ""))
    kind, channels = fields.get("ElementType", ""), fields.get("ElementNumberOfChannels", "1")
    if channels != "1":
        raise ImageError(f"{path}: {channels[:20]} numbers per voxel; not a CT")
    if kind not in _TYPES:
        raise ImageError(f"{path}: voxels of type {kind[:40]!r}; expected numbers such as MET_SHORT")
    if not fields.says("BinaryData", default=True) or fields.get("ObjectType", "Image") != "Image":
        raise ImageError(f"{path}: not an image of binary numbers; write it again as .nii.gz")
    file, offset = _place(path, fields, end)
    packed = fields.says("CompressedData")
    if packed and offset < 0:
        raise ImageError(f"{path}: compressed voxels cannot be counted from the end; damaged header")
    return ImageHeader(
        path,
        file,
        offset,
        packed,
        shape,
        np.dtype((">" if fields.says(*_BIG_ENDIAN) else "<") + _TYPES[kind]),
        _affine(path, fields, len(shape)),
        fields.first(_DIRECTIONS) is not None,
    )


def _read(path: Path) -> tuple[_Fields, int]:
    """The fields, and where the header ends."""
    fields = _Fields()
    with path.open("rb") as stream:
        for line in lines_of(path, stream):
            found = _LINE.fullmatch(line)
            if found is None:
                break
            fields[found["key"]] = found["value"]
            if found["key"] == _LAST:
                return fields, stream.tell()
    raise ImageError(f"{path}: not a MetaImage, or its header breaks off; expected lines of 'Key = Value'")


def _place(path: Path, fields: _Fields, end: int) -> tuple[Path, int]:
    """The file with the voxels, and the bytes before them."""
    name = fields[_LAST]
    skipped = int(numbers(path, "HeaderSize", fields.get("HeaderSize", "0"), 1)[0])
    if skipped < -1:
        raise ImageError(f"{path}: a HeaderSize of {skipped}; damaged header")
    if name.upper() == "LOCAL":
        return path, end if skipped <= 0 else skipped
    if name.split()[:1] == ["LIST"] or "%" in name:
        raise ImageError(f"{path}: its voxels lie in a list of files; write it again as one file")
    return beside(path, name), skipped


def _affine(path: Path, fields: _Fields, axes: int) -> npt.NDArray[np.float64]:
    """From voxels to LPS+ mm; each row of the matrix in the file is the direction of an axis."""
    identity = " ".join(str(float(row == column)) for row in range(axes) for column in range(axes))
    matrix = numbers(path, "TransformMatrix", fields.first(_DIRECTIONS) or identity, axes * axes)
    spacing = numbers(path, "ElementSpacing", fields.first(_SPACINGS) or "1 " * axes, axes)
    if (spacing[:3] <= 0).any():
        raise ImageError(
            f"{path}: voxels of {' x '.join(f'{size:g}' for size in spacing[:3])} mm; damaged header"
        )
    affine = np.eye(4)
    affine[:3, :3] = matrix.reshape(axes, axes)[:3, :3].T * spacing[:3]
    affine[:3, 3] = numbers(path, "Offset", fields.first(_ORIGINS) or "0 " * axes, axes)[:3]
    return affine
