"""Every kind of file a spine can be written as, by the word that ``--outputs`` and ``--to`` take."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from spondyl.errors import AnnotationError, InputError, MissingDependencyError
from spondyl.spine import Spine
from spondyl.volume import Grid, Volume

__all__ = ["FORMATS", "Format", "check_formats", "chosen_formats", "mask_on"]


@dataclass(frozen=True)
class Format:
    """One kind of file.

    Attributes:
        name: Of the file, or of the folder for formats of many files.
        about: What it is for, in a few words.
        write: Writes a spine to a path; takes the grid of the scan as stored on disk.
        needs_mask: Whether a spine without a mask cannot be written.
        needs: A module beyond the core, part of the extra ``mesh``.
    """

    name: str
    about: str
    write: Callable[[Spine, Grid, Path], None]
    needs_mask: bool = False
    needs: str | None = None


def check_formats(kinds: Iterable[str]) -> None:
    """Refuse what cannot be written, before any time is spent on a scan.

    Raises:
        InputError: no such kind.
        MissingDependencyError: a kind needs an extra that is not installed.
    """
    for kind in kinds:
        if kind not in FORMATS:
            raise InputError(f"no output is called {kind!r}; there are {', '.join(FORMATS)}")
        module = FORMATS[kind].needs
        if module is not None and find_spec(module) is None:
            raise MissingDependencyError(
                f"{kind} files need {module}; install it with: pip install 'spondyl[mesh]'"
            )


def chosen_formats(text: str) -> tuple[str, ...]:
    """The kinds that words separated by commas name, each once: ``"nrrd,stl"``.

    Raises:
        InputError: no such kind.
        MissingDependencyError: a kind needs an extra that is not installed.
    """
    kinds = tuple(dict.fromkeys(word.strip().lower() for word in text.split(",") if word.strip()))
    check_formats(kinds)
    return kinds


def mask_on(spine: Spine, grid: Grid, path: Path) -> Volume:
    """The mask of a spine on exactly the grid of its scan.

    Raises:
        AnnotationError: there is no mask.
    """
    if spine.mask is None:
        raise AnnotationError(f"{path}: needs the vertebrae as voxels, and this result has no mask")
    return replace(spine.mask, grid=grid)


def _centroids(spine: Spine, grid: Grid, path: Path) -> None:
    from spondyl.io import write_centroids

    write_centroids(spine, path, grid)


def _mask(spine: Spine, grid: Grid, path: Path) -> None:
    from spondyl.io import write_mask

    write_mask(mask_on(spine, grid, path), path)


def _seg_nrrd(spine: Spine, grid: Grid, path: Path) -> None:
    from spondyl.export.seg_nrrd import write_seg_nrrd

    write_seg_nrrd(mask_on(spine, grid, path), path)


def _structures(spine: Spine, grid: Grid, path: Path) -> None:
    from spondyl.export.structures import write_structures

    write_structures(mask_on(spine, grid, path), path)


def _stl(spine: Spine, grid: Grid, path: Path) -> None:
    from spondyl.export.mesh_files import write_stl_folder
    from spondyl.export.surface import surfaces

    write_stl_folder(surfaces(mask_on(spine, grid, path)), path)


def _ply(spine: Spine, grid: Grid, path: Path) -> None:
    from spondyl.export.mesh_files import write_ply_folder
    from spondyl.export.surface import surfaces

    write_ply_folder(surfaces(mask_on(spine, grid, path)), path)


def _gltf(spine: Spine, grid: Grid, path: Path) -> None:
    from spondyl.export.gltf import write_glb
    from spondyl.export.surface import surfaces

    write_glb(surfaces(mask_on(spine, grid, path)), path)


FORMATS: Final[dict[str, Format]] = {
    "mask": Format("mask.nii.gz", "label map with VerSe numbers", _mask, needs_mask=True),
    "nrrd": Format(
        "mask.seg.nrrd", "3D Slicer segmentation with names and colours", _seg_nrrd, needs_mask=True
    ),
    "totalsegmentator": Format(
        "segmentations", "one mask per vertebra, as TotalSegmentator", _structures, needs_mask=True
    ),
    "centroids": Format("centroids.json", "centroids in VerSe's format", _centroids),
    "mrk": Format("centroids.mrk.json", "centroids as a 3D Slicer point list", _centroids),
    "csv": Format("centroids.csv", "centroids as a table", _centroids),
    "lml": Format("centroids.lml", "centroids in BioMedIA's format", _centroids),
    "stl": Format("stl", "one surface per vertebra, STL", _stl, needs_mask=True, needs="skimage"),
    "ply": Format("ply", "one coloured surface per vertebra, PLY", _ply, needs_mask=True, needs="skimage"),
    "gltf": Format(
        "spine.glb", "all surfaces in one glTF scene, named", _gltf, needs_mask=True, needs="skimage"
    ),
}
"""Word to format; the names of files and folders differ, so that all fit into one folder."""
