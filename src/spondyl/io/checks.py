"""What a header may ask for: looked at before memory is taken, since a few bytes may ask for terabytes."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from spondyl.errors import ImageError
from spondyl.flag import Flag
from spondyl.volume import Grid

__all__ = ["MAX_VOXELS", "NO_ORIENTATION", "check_extent", "check_shape", "check_size", "checked_grid"]

MAX_VOXELS = 2**31
"""Ten times a whole-body CT at 1 mm in plane; more is taken for a damaged header."""

SPACING_RANGE_MM = (0.01, 30.0)
"""Voxel sizes outside are taken for another unit or a damaged header."""

_LONGEST_MM = 3000.0
_WIDEST_MM = 1200.0
"""No gantry takes more, and no table is longer: networks would need memory for all that space, however few
voxels there are."""

_GZIP_LIMIT = 1032
"""Bytes that one compressed byte can hold at most (Deflate; zlib's technical notes)."""

NO_ORIENTATION = Flag(
    "orientation_doubtful",
    "The file does not say how the patient lies in it; left, front and head were assumed.",
)


def check_shape(path: Path, shape: tuple[int, ...]) -> tuple[int, int, int]:
    """The three axes of an image; singleton axes after the third are dropped.

    Raises:
        ImageError: fewer or more than three axes with more than one voxel.
    """
    axes = [int(n) for n in shape]
    while len(axes) > 3 and axes[-1] == 1:
        axes.pop()
    found = " x ".join(map(str, axes)) or "none"
    if len(axes) > 3:
        raise ImageError(f"{path}: expected 3 axes, found {len(axes)} ({found}); export a single 3-D volume")
    if any(n < 1 for n in axes):
        raise ImageError(f"{path}: expected 3 axes of at least two voxels, found {found}; damaged header")
    if len(axes) < 3 or min(axes) < 2:
        raise ImageError(
            f"{path}: expected a 3-D volume, found a single slice or line ({found} voxels; a localizer?)"
        )
    return axes[0], axes[1], axes[2]


def check_size(
    path: Path, shape: tuple[int, int, int], itemsize: int, offset: int = 0, *, compressed: bool
) -> None:
    """Refuse a header that asks for more voxels than the file can hold or a CT can have.

    Args:
        path: The file.
        shape: Voxels that its header announces.
        itemsize: Bytes per voxel.
        offset: Bytes before the first voxel.
        compressed: Whether the file holds gzip.

    Raises:
        ImageError: too many voxels, or fewer bytes in the file than announced.
    """
    voxels = int(np.prod(shape, dtype=object))
    size = path.stat().st_size
    at_most = size * (_GZIP_LIMIT if compressed else 1)
    if voxels > MAX_VOXELS:
        raise ImageError(f"{path}: the header announces {shape} voxels, more than any CT; damaged header")
    if offset + voxels * itemsize > at_most:
        raise ImageError(
            f"{path}: truncated or damaged: the header announces {voxels * itemsize:,} bytes of voxels,"
            f" the file has {size:,}; copy or download it again"
        )


def checked_grid(path: Path, shape: tuple[int, int, int], affine: npt.NDArray[np.float64]) -> Grid:
    """A grid that a CT in millimetres may have.

    Raises:
        ImageError: the affine is not finite and invertible, or a voxel size is outside
            :data:`SPACING_RANGE_MM`, or the scan is larger than a CT can be.
    """
    try:
        grid = Grid(shape, affine)
    except ImageError as error:
        raise ImageError(f"{path}: {error}; damaged header") from error
    try:
        check_extent(shape, grid.spacing_mm)
    except ImageError as error:
        raise ImageError(f"{path}: {error}") from error
    return grid


def check_extent(shape: Sequence[int], spacing_mm: Sequence[float]) -> None:
    """Refuse voxels and scans of sizes that no CT in millimetres has.

    Raises:
        ImageError: a voxel size is outside :data:`SPACING_RANGE_MM`, or the scan wider or longer than a CT.
    """
    low, high = SPACING_RANGE_MM
    if not all(low <= size <= high for size in spacing_mm):
        found = " x ".join(f"{size:.4g}" for size in spacing_mm)
        raise ImageError(f"voxels of {found} mm; expected {low:g} to {high:g} mm (is the unit mm?)")
    sides_mm = [n * size for n, size in zip(shape, spacing_mm, strict=True)]
    _, wider, longest = sorted(sides_mm)
    if wider > _WIDEST_MM or longest > _LONGEST_MM:
        found = " x ".join(f"{side:.0f}" for side in sides_mm)
        raise ImageError(
            f"a scan of {found} mm; no CT is wider than {_WIDEST_MM:.0f} mm"
            f" or longer than {_LONGEST_MM:.0f} mm (is the unit mm?)"
        )
