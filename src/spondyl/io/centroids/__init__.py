"""Centroid files: BioMedIA ``.lml``, VerSe JSON, Slicer ``.mrk.json`` and CSV, both ways.

Inside, a centroid is RAS+ mm. ``.lml`` and VerSe JSON count from the corner of their scan, so
reading and writing them needs that scan's grid *as stored on disk*. See ``docs/formats.md``.
"""

from pathlib import Path
from typing import Literal, get_args

from spondyl.errors import AnnotationError
from spondyl.io.centroids import lml, slicer_mrk, table, verse_json
from spondyl.io.documents import read_json
from spondyl.spine import Spine
from spondyl.volume import Grid, Volume

__all__ = ["CentroidFormat", "read_centroids", "write_centroids"]

CentroidFormat = Literal["lml", "verse", "verse-1mm", "slicer", "csv"]
"""``verse``: voxels of the scan (VerSe's BIDS layout); ``verse-1mm``: the challenge's 1 mm frame."""


def read_centroids(
    path: Path | str,
    grid: Grid | None = None,
    *,
    mask: Volume | None = None,
    frame: verse_json.Frame = "auto",
) -> Spine:
    """Read a centroid file; the format follows the name and, for ``.json``, the content.

    Args:
        path: ``.lml``, ``.json`` (VerSe), ``.mrk.json`` (Slicer) or ``.csv``.
        grid: The scan's grid as stored on disk; needed by ``.lml`` and VerSe JSON.
        mask: The scan's vertebra mask, if there is one; settles in which of its two frames a
            VerSe JSON is written.
        frame: The frame of a VerSe JSON, if known.

    Raises:
        AnnotationError: no such file, a damaged file, an unknown label (with its line), a label
            given twice, or no ``grid`` where one is needed.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix == ".lml":
        return lml.read(path, _needed(path, grid))
    if suffix == ".csv":
        return table.read(path)
    if suffix == ".json":
        document = read_json(path, AnnotationError)
        if isinstance(document, dict):
            return slicer_mrk.parse(document, path)
        return verse_json.parse(document, path, _needed(path, grid), mask=mask, frame=frame)
    raise AnnotationError(f"{path}: unknown centroid format; expected .lml, .json, .mrk.json or .csv")


def write_centroids(
    spine: Spine,
    path: Path | str,
    grid: Grid | None = None,
    format: CentroidFormat | None = None,  # noqa: A002
) -> None:
    """Write the labels and centroids of a spine.

    Args:
        spine: What to write; its mask and probabilities are not part of these formats (the CSV
            keeps probabilities).
        path: Where to write.
        grid: The scan's grid as stored on disk; needed by ``.lml`` and VerSe JSON.
        format: By default from the name: ``.lml``, ``.csv``, ``.mrk.json`` (Slicer), else
            ``.json`` is VerSe's, in voxels of the scan.

    Raises:
        AnnotationError: no ``grid`` where one is needed, or an unknown format.
        OutputError: the file cannot be written; nothing is left behind.
    """
    path = Path(path)
    chosen = format or _format_of(path)
    if chosen == "csv":
        table.write(spine, path)
    elif chosen == "slicer":
        slicer_mrk.write(spine, path)
    elif chosen == "lml":
        lml.write(spine, path, _needed(path, grid))
    elif chosen in ("verse", "verse-1mm"):
        verse_json.write(spine, path, _needed(path, grid), frame="voxel" if chosen == "verse" else "1mm")
    else:
        raise AnnotationError(
            f"{path}: unknown format {chosen!r}; one of {', '.join(get_args(CentroidFormat))}"
        )


def _format_of(path: Path) -> CentroidFormat:
    name = path.name.lower()
    by_ending: dict[str, CentroidFormat] = {
        ".lml": "lml",
        ".csv": "csv",
        ".mrk.json": "slicer",
        ".json": "verse",
    }
    for ending, chosen in by_ending.items():
        if name.endswith(ending):
            return chosen
    raise AnnotationError(
        f"{path}: unknown centroid format; the name must end in one of {', '.join(by_ending)}"
    )


def _needed(path: Path, grid: Grid | None) -> Grid:
    if grid is None:
        raise AnnotationError(
            f"{path}: these centroids count from the corner of their scan; pass the scan's grid"
            " (for example read_image(scan).grid)"
        )
    return grid
