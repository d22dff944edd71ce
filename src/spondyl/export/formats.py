"""Every kind of file a spine can be written as, by the word that ``--outputs`` and ``--to`` take."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from spondyl.errors import AnnotationError, InputError, MissingDependencyError
from spondyl.export.subject import Subject
from spondyl.io.atomic import write_bytes
from spondyl.volume import Volume

__all__ = ["FORMATS", "Format", "check_formats", "chosen_formats", "mask_of"]


@dataclass(frozen=True)
class Format:
    """One kind of file.

    Attributes:
        name: Of the file, or of the folder for formats of many files.
        about: What it is for, in a few words.
        write: Writes a subject to a path.
        needs_mask: Whether a spine without a mask cannot be written.
        needs_voxels: Whether a mask without a vertebra cannot be written either.
        needs_series: Whether it refers to the images of a DICOM series.
        shows_scan: Whether it is drawn from the scan.
        needs: A module beyond the core.
        extra: The extra that brings it.
    """

    name: str
    about: str
    write: Callable[[Subject, Path], None]
    needs_mask: bool = False
    needs_voxels: bool = False
    needs_series: bool = False
    shows_scan: bool = False
    needs: str | None = None
    extra: str = "mesh"

    def lacks(self, subject: Subject) -> str | None:
        """Why a subject cannot be written in this format; ``None`` if it can, and its series is there."""
        mask = subject.spine.mask
        if self.needs_mask and mask is None:
            return "there is no mask"
        if self.needs_voxels and mask is not None and not mask.data.any():
            return "no vertebra was found"
        return None


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
                f"{kind} files need {module}; install it with: pip install 'spondyl[{FORMATS[kind].extra}]'"
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


def mask_of(subject: Subject, path: Path) -> Volume:
    """The mask on exactly the grid of its scan.

    Raises:
        AnnotationError: there is no mask.
    """
    if subject.spine.mask is None:
        raise AnnotationError(f"{path}: needs the vertebrae as voxels, and this result has no mask")
    return replace(subject.spine.mask, grid=subject.grid)


def _centroids(subject: Subject, path: Path) -> None:
    from spondyl.io import write_centroids

    write_centroids(subject.spine, path, subject.grid)


def _mask(subject: Subject, path: Path) -> None:
    from spondyl.io import write_mask

    write_mask(mask_of(subject, path), path)


def _seg_nrrd(subject: Subject, path: Path) -> None:
    from spondyl.export.seg_nrrd import write_seg_nrrd

    write_seg_nrrd(mask_of(subject, path), path)


def _structures(subject: Subject, path: Path) -> None:
    from spondyl.export.structures import write_structures

    write_structures(mask_of(subject, path), path)


def _stl(subject: Subject, path: Path) -> None:
    from spondyl.export.mesh_files import write_stl_folder
    from spondyl.export.surface import surfaces

    write_stl_folder(surfaces(mask_of(subject, path)), path)


def _ply(subject: Subject, path: Path) -> None:
    from spondyl.export.mesh_files import write_ply_folder
    from spondyl.export.surface import surfaces

    write_ply_folder(surfaces(mask_of(subject, path)), path)


def _gltf(subject: Subject, path: Path) -> None:
    from spondyl.export.gltf import write_glb
    from spondyl.export.surface import surfaces

    write_glb(surfaces(mask_of(subject, path)), path)


def _preview(subject: Subject, path: Path) -> None:
    write_bytes(path, subject.preview_png)


def _html(subject: Subject, path: Path) -> None:
    from spondyl.report.html import write_html

    write_html(subject, path)


def _pdf(subject: Subject, path: Path) -> None:
    from spondyl.report.pdf import write_pdf

    write_pdf(subject, path)


def _dicom_seg(subject: Subject, path: Path) -> None:
    from spondyl.dicom import write_seg

    write_seg(subject.spine, subject.headers, path)


def _dicom_labelmap(subject: Subject, path: Path) -> None:
    from spondyl.dicom import write_seg

    write_seg(subject.spine, subject.headers, path, labelmap=True)


def _dicom_sr(subject: Subject, path: Path) -> None:
    from spondyl.dicom import write_sr

    write_sr(subject.spine, subject.headers, path)


def _rtstruct(subject: Subject, path: Path) -> None:
    from spondyl.dicom import write_rtstruct

    write_rtstruct(subject.spine, subject.headers, path)


def _dicom(name: str, about: str, write: Callable[[Subject, Path], None], *, mask: bool = True) -> Format:
    return Format(
        name,
        about,
        write,
        needs_mask=mask,
        needs_voxels=mask,
        needs_series=True,
        needs="highdicom",
        extra="dicom",
    )


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
    "preview": Format("preview.png", "sagittal and coronal view with names", _preview, shows_scan=True),
    "html": Format(
        "report.html",
        "report for a browser, one file",
        _html,
        shows_scan=True,
        needs="jinja2",
        extra="report",
    ),
    "pdf": Format(
        "report.pdf", "the same report for paper", _pdf, shows_scan=True, needs="reportlab", extra="report"
    ),
    "dicom-seg": _dicom("segmentation.dcm", "DICOM SEG, one segment per vertebra", _dicom_seg),
    "dicom-labelmap": _dicom("labelmap.dcm", "DICOM SEG as a label map (2024)", _dicom_labelmap),
    "dicom-sr": _dicom("report.dcm", "DICOM structured report with measurements", _dicom_sr, mask=False),
    "rtstruct": _dicom("rtstruct.dcm", "DICOM RT structure set, contours", _rtstruct),
}
"""Word to format; the names of files and folders differ, so that all fit into one folder."""
