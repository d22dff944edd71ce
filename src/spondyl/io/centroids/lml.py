"""BioMedIA ``.lml``: ``id <tab> T12_center <tab> x <tab> y <tab> z``, after one header line.

x, y, z are millimetres from the centre of the scan's first voxel along its axes as stored
(voxel index times voxel size), whatever the orientation of the scan. The name rules, not the id.
"""

from pathlib import Path

import numpy as np

from spondyl.anatomy import NAMES, ORDER
from spondyl.errors import AnnotationError
from spondyl.io.atomic import write_text
from spondyl.io.centroids.text import build_spine, number, parse_label, read_text
from spondyl.spine import Spine, Vertebra
from spondyl.volume import Grid

__all__ = ["LML_ID", "read", "write"]

_REGULAR = [label for label in ORDER if NAMES[label] not in ("T13", "L6")]

LML_ID = {label: 10 * (place + 1) for place, label in enumerate(_REGULAR)} | {28: 195, 25: 245}
"""VerSe number to id. C1=10 ... S2=260 are BioMedIA's. T13 and L6 have none there; 195 and 245
keep the ids in order from head to foot."""


def read(path: Path, grid: Grid) -> Spine:
    """Read centroids; tabs or spaces, blank lines and ``#`` comments anywhere, ``_center`` optional.

    Raises:
        AnnotationError: a line that is not five words, an unknown label, not a number; the
            message has the line number.
    """
    vertebrae = []
    for line_number, line in enumerate(read_text(path).splitlines(), start=1):
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        where = f"{path}, line {line_number}"
        if len(words) != 5:
            raise AnnotationError(
                f"{where}: expected 'id name x y z', found {len(words)} words: {line.strip()!r}"
            )
        label = parse_label(words[1], where)
        offset_mm = np.array([number(word, where) for word in words[2:]])
        x, y, z = grid.to_world(offset_mm / grid.spacing_mm)
        vertebrae.append(Vertebra(label, (x, y, z)))
    return build_spine(vertebrae, path)


def write(spine: Spine, path: Path, grid: Grid) -> None:
    """Write centroids with 0.1 µm precision.

    Raises:
        OutputError: the file cannot be written.
    """
    lines = ["# spondyl"]
    offsets_mm = grid.to_voxel(spine.centroids_mm) * grid.spacing_mm
    for vertebra, (x, y, z) in zip(spine, offsets_mm, strict=True):
        lines.append(f"{LML_ID[vertebra.label]}\t{vertebra.name}_center\t{x:.4f}\t{y:.4f}\t{z:.4f}")
    write_text(path, "\n".join(lines) + "\n")
