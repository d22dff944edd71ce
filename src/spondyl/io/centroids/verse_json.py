"""VerSe centroid files: a JSON list, in one of two frames that look alike.

``voxel``
    The restructured (BIDS) release: ``{"direction": ["P", "I", "R"]}`` first, then X, Y, Z in
    voxels of the scan, its axes turned to ``direction`` (nibabel's codes: where the index grows).
``1mm``
    The challenge's files: no direction; X, Y, Z are millimetres from the scan's anterior superior
    left voxel, X to the back, Y to the feet, Z to the right (i.e. direction P, I, R).

Both conventions are those of the data sets' own READMEs and tools (github.com/anjany/verse). The
rule by which a file is read is in :func:`parse`.
"""

import json
import logging
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from spondyl.anatomy import RANK, Region, region_of
from spondyl.errors import AnnotationError
from spondyl.io.atomic import write_text
from spondyl.io.centroids.text import build_spine, checked_label, number
from spondyl.spine import Spine, Vertebra
from spondyl.volume import Grid, Volume

__all__ = ["Frame", "parse", "write"]

_log = logging.getLogger(__name__)

Frame = Literal["auto", "voxel", "1mm"]
_Points = npt.NDArray[np.float64]

_CHALLENGE = "PIR"
_SPACING_MM = {Region.CERVICAL: 17.0, Region.THORACIC: 24.0, Region.LUMBAR: 33.0, Region.SACRAL: 30.0}
"""Median distance to the next centroid below, over the 184 spines of VerSe 2019 and 2020."""
_TOLERANCE = 1.5
_MARGIN_MM = 20.0


def parse(
    document: Any, path: Path, grid: Grid, *, mask: Volume | None = None, frame: Frame = "auto"
) -> Spine:
    """Centroids from the parsed file.

    With ``frame="auto"`` a file that names its frame, as ours do, is read in it. Else a file with
    a ``direction`` is expected in voxels, one without in the challenge's 1 mm frame. Given the
    vertebra mask, the frame that puts more centroids inside their vertebra wins; without it, the
    expected frame is left only if it puts centroids outside the scan or at impossible distances
    while the other does not (logged as a warning).

    Args:
        document: The content of the file; further keys are ignored, points with NaN left out.
        path: Its name, for messages.
        grid: The scan's grid as stored on disk.
        mask: VerSe numbers, on any grid in the same world.
        frame: What to take the coordinates for.

    Raises:
        AnnotationError: not such a list, an unknown label or direction, not a number.
    """
    direction, labels, points = _items(document, path)
    if frame == "auto":
        frame = _named_frame(document)
    axes = grid.reoriented(direction or _CHALLENGE)
    own = axes if direction else grid  # voxels of a file that lost its direction are the scan's own
    readings = {"voxel": own.to_world(points), "1mm": axes.to_world(points / axes.spacing_mm)}
    expected = "voxel" if direction else "1mm"
    chosen = _choose(labels, readings, expected, grid, mask) if frame == "auto" else frame
    if frame == "auto" and chosen != expected:
        _log.warning(
            "%s: read in the %s frame, since the %s frame does not fit the scan", path, chosen, expected
        )
    world = readings[chosen]
    return build_spine(
        (Vertebra(label, (x, y, z)) for label, (x, y, z) in zip(labels, world, strict=True)), path
    )


def write(spine: Spine, path: Path, grid: Grid, frame: Literal["voxel", "1mm"] = "voxel") -> None:
    """Write centroids with a thousandth of a voxel (or mm).

    Raises:
        OutputError: the file cannot be written.
    """
    axes = grid if frame == "voxel" else grid.reoriented(_CHALLENGE)
    points = axes.to_voxel(spine.centroids_mm)
    items: list[dict[str, Any]] = [{"direction": list(grid.codes), "frame": frame}]
    if frame == "1mm":
        points = points * axes.spacing_mm
        items = []
    for vertebra, (x, y, z) in zip(spine, points.round(3).tolist(), strict=True):
        items.append({"label": vertebra.label, "X": x, "Y": y, "Z": z})
    write_text(path, json.dumps(items) + "\n")


def _items(document: Any, path: Path) -> tuple[str, list[int], _Points]:
    """Direction (or ""), labels and coordinates of a file."""
    if not isinstance(document, list) or not all(isinstance(item, dict) for item in document):
        raise AnnotationError(f"{path}: expected a list of objects with 'label', 'X', 'Y', 'Z'")
    direction, labels, points = "", [], []
    for place, item in enumerate(document, start=1):
        where = f"{path}, item {place}"
        if "direction" in item:
            direction = _direction(item["direction"], where)
        if "label" not in item:
            continue
        point = [item.get(key) for key in "XYZ"]
        if any(isinstance(value, float) and np.isnan(value) for value in point):
            continue
        labels.append(checked_label(item["label"], where))
        points.append([number(value, where) for value in point])
    return direction, labels, np.array(points, dtype=float).reshape(-1, 3)


def _named_frame(document: list[dict[str, Any]]) -> Frame:
    """What the key ``frame`` of the file's first item says; our addition to the format."""
    named = document[0].get("frame") if document else None
    return "voxel" if named == "voxel" else "auto"


def _direction(value: Any, where: str) -> str:
    codes = "".join(map(str, value)).upper() if isinstance(value, list | str) else ""
    if len(codes) != 3 or any(len({*codes} & {*pair}) != 1 for pair in ("LR", "AP", "SI")):
        raise AnnotationError(f"{where}: unknown direction {value!r}; expected for example ['P', 'I', 'R']")
    return codes


def _choose(
    labels: Sequence[int], readings: dict[str, _Points], expected: str, grid: Grid, mask: Volume | None
) -> str:
    """Name of the frame to read in."""
    other = next(name for name in readings if name != expected)
    if mask is not None:
        hits = {name: _hits(labels, points, mask) for name, points in readings.items()}
        if hits[expected] != hits[other]:
            return max(hits, key=hits.__getitem__)
    if not _plausible(labels, readings[expected], grid) and _plausible(labels, readings[other], grid):
        return other
    return expected


def _hits(labels: Sequence[int], points: _Points, mask: Volume) -> int:
    """How many centroids lie inside their own vertebra."""
    inside = mask.grid.contains(points)
    index = np.clip(np.rint(mask.grid.to_voxel(points)).astype(int), 0, np.array(mask.grid.shape) - 1)
    return int(np.count_nonzero(inside & (mask.data[tuple(index.T)] == np.array(labels))))


def _plausible(labels: Sequence[int], points: _Points, grid: Grid) -> bool:
    """All inside the scan, and neighbours about as far apart as vertebrae are."""
    if not grid.contains(points, margin_mm=_MARGIN_MM).all():
        return False
    order = sorted(range(len(labels)), key=lambda place: RANK[labels[place]])
    ratios = [
        float(np.linalg.norm(points[a] - points[b])) / _SPACING_MM[region_of(labels[a])]
        for a, b in pairwise(order)
        if RANK[labels[b]] - RANK[labels[a]] == 1
    ]
    return not ratios or 1 / _TOLERANCE <= float(np.median(ratios)) <= _TOLERANCE
