"""Vertebra masks: one file with VerSe numbers, or TotalSegmentator's folder with a file per structure."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from spondyl.anatomy import LABEL_OF, NAMES, ORDER
from spondyl.errors import AnnotationError, ImageError
from spondyl.io.images import read_voxels, write_image
from spondyl.volume import Grid, Volume

__all__ = ["MaskNumbering", "label_counts", "onto_grid", "read_mask", "write_mask"]

MaskNumbering = Literal["verse", "totalsegmentator"]

_TOTALSEGMENTATOR = {26: LABEL_OF["S1"]} | {
    27 + place: label for place, label in enumerate(x for x in reversed(ORDER) if 1 <= x <= 24)
}
"""Class map of the ``total`` task, version 2: 26 S1, 27-31 L5-L1, 32-43 T12-T1, 44-50 C7-C1."""

_STRUCTURE = re.compile(r"vertebrae_(?P<name>[CTLS]\d+)\.(nii(\.gz)?|nrrd|mha)", re.IGNORECASE)

_PIECE_VOX = 2**22
"""Voxels counted at once."""

_GRID_TOLERANCE_MM = 0.1
"""Headers store the orientation in several ways, each rounded to float32."""


def read_mask(path: Path | str, grid: Grid | None = None, *, numbering: MaskNumbering = "verse") -> Volume:
    """Read a vertebra mask.

    Args:
        path: A file with one number per vertebra, or a folder with ``vertebrae_T12.nii.gz`` and
            so on (values other than 0 are the vertebra). Other files of the folder are ignored,
            ``sacrum.nii.gz`` too: it is the whole sacrum, not S1.
        grid: The scan's grid. If given, the mask must lie on it; a mask stored with other axis
            directions is turned.
        numbering: Of a file: VerSe's numbers, or the class numbers of TotalSegmentator's
            multi-label output (``--ml``, version 2; other classes are left out).

    Returns:
        uint8, VerSe numbers, 0 = background; on the file's own grid, or exactly on ``grid``.

    Raises:
        AnnotationError: not readable, not whole numbers, numbers that are no vertebrae, or
            another grid than the scan's (or, in a folder, than the other files').
    """
    path = Path(path)
    if path.is_dir():
        return _read_folder(path, grid)
    volume = _read(path)
    table = {label: label for label in NAMES} if numbering == "verse" else _TOTALSEGMENTATOR
    data = _renumbered(path, volume.data, table, strict=numbering == "verse")
    mask = Volume(data, volume.grid)
    return mask if grid is None else onto_grid(mask, grid, path)


def write_mask(mask: Volume, path: Path | str) -> None:
    """Write VerSe numbers as uint8; the format follows the suffix.

    Raises:
        AnnotationError: a value that is not 0 or a VerSe number.
        OutputError: the file cannot be written; nothing is left behind.
    """
    data = _renumbered(Path(path), mask.data, {label: label for label in NAMES}, strict=True)
    write_image(Volume(data, mask.grid), path)


def label_counts(labels: npt.NDArray[np.uint8]) -> npt.NDArray[np.int64]:
    """``(256,)`` how many voxels have each number; by pieces, since numpy counts 64-bit copies."""
    upright = labels[tuple(slice(None, None, -1 if stride < 0 else 1) for stride in labels.strides)]
    flat = upright.ravel(order="K")  # no copy, which axes that run backwards would need
    counts = np.zeros(256, np.int64)
    for low in range(0, flat.size, _PIECE_VOX):
        piece = flat[low : low + _PIECE_VOX]
        if piece.any():
            counts += np.bincount(piece, minlength=256)
        else:  # most of a scan
            counts[0] += piece.size
    return counts


def onto_grid(mask: Volume, grid: Grid, path: Path) -> Volume:
    """The mask with its axes turned to those of the scan.

    Raises:
        AnnotationError: even then it lies on another grid than the scan.
    """
    turned = mask.reoriented(grid.codes)
    if not turned.grid.is_close(grid, _GRID_TOLERANCE_MM):
        raise AnnotationError(
            f"{path}: the mask lies on another grid than its scan: {_describe(turned.grid)}, expected"
            f" {_describe(grid)}; give the mask of this scan, or resample it onto the scan"
        )
    return Volume(turned.data, grid)


def _read_folder(folder: Path, grid: Grid | None) -> Volume:
    """One label map from binary masks; where two overlap, the one nearer the head keeps the voxel."""
    found = {
        match["name"].upper(): file
        for file in sorted(folder.iterdir())
        if (match := _STRUCTURE.fullmatch(file.name))
    }
    files = {LABEL_OF[name]: file for name, file in found.items() if name in LABEL_OF}
    if not files:
        raise AnnotationError(f"{folder}: expected vertebra masks such as vertebrae_T12.nii.gz, found none")
    labels = sorted(files, key=ORDER.index)
    grid = grid or _read(files[labels[0]]).grid
    data = np.zeros(grid.shape, np.uint8)
    for label in labels:
        single = onto_grid(_read(files[label]), grid, files[label])
        data[(single.data != 0) & (data == 0)] = label
    return Volume(data, grid)


def _read(path: Path) -> Volume:
    try:
        return read_voxels(path)
    except ImageError as error:
        raise AnnotationError(str(error)) from error


def _renumbered(
    path: Path, data: npt.NDArray[Any], table: Mapping[int, int], *, strict: bool
) -> npt.NDArray[np.uint8]:
    """uint8 VerSe numbers from any numeric type.

    Args:
        path: For messages.
        data: Numbers of the file.
        table: Number of the file to VerSe number; 0 stays 0.
        strict: Whether other numbers are an error, or background.
    """
    if data.dtype.kind == "f":
        whole = np.rint(data)
        if not np.isfinite(data).all() or np.abs(data - whole).max() > 1e-3:
            raise AnnotationError(f"{path}: expected whole numbers, found fractions or NaN; not a label map")
        data = whole
    if data.min() < 0 or data.max() > 255:
        found = f"{data.min():g} to {data.max():g}"
        raise AnnotationError(f"{path}: expected VerSe vertebra numbers (1-28) and 0, found {found}")
    data = data.astype(np.uint8, copy=False)
    values = np.flatnonzero(label_counts(data))
    unknown = [int(value) for value in values if value != 0 and int(value) not in table]
    if unknown and strict:
        hint = " (TotalSegmentator's class numbers?)" if max(unknown) > 28 else ""
        shown = ", ".join(map(str, unknown[:8])) + (" ..." if len(unknown) > 8 else "")
        raise AnnotationError(
            f"{path}: expected VerSe vertebra numbers (1-28) and 0, found {shown}{hint}; not a vertebra mask"
        )
    lookup = np.array([table.get(value, 0) for value in range(256)], np.uint8)
    return data if all(lookup[value] == value for value in values) else lookup[data]


def _describe(grid: Grid) -> str:
    spacing = " x ".join(f"{size:.3g}" for size in grid.spacing_mm)
    origin = ", ".join(f"{value:.1f}" for value in grid.affine[:3, 3])
    return f"{' x '.join(map(str, grid.shape))} voxels of {spacing} mm, first voxel at ({origin}) mm"
