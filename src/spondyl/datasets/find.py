"""Cases in a folder, whatever the layout."""

import logging
from collections import Counter
from dataclasses import replace
from pathlib import Path

from spondyl.datasets import biomedia, ctspine1k, totalsegmentator, verse
from spondyl.datasets.case import Case
from spondyl.datasets.files import IMAGE_SUFFIXES, distinct, image_stem, list_files
from spondyl.errors import DatasetError

__all__ = ["find_cases"]

logger = logging.getLogger(__name__)

# The most particular first: BioMedIA's takes every scan the others left.
LAYOUTS = (totalsegmentator.LAYOUT, verse.LAYOUT, ctspine1k.LAYOUT, biomedia.LAYOUT)


def find_cases(folder: Path | str, *, annotated: bool = True) -> list[Case]:
    """All cases below a folder, sorted by path; layouts may be mixed.

    Known layouts are BioMedIA (nested folders), VerSe, TotalSegmentator and CTSpine1K.

    Args:
        folder: Where to look, sub-folders included.
        annotated: Only cases with centroids or masks; ``False`` gives bare scans, too.

    Returns:
        Cases with unique names. A name that occurs twice is prefixed with its folders, and numbered where
        that does not help (``scan.nii.gz`` beside ``scan.nrrd``). Bare scans count whether they are given or
        not, so that a case has one name for predicting and for comparing.

    Raises:
        DatasetError: no such folder, or no case in it.
    """
    folder = Path(folder)
    if not folder.is_dir():
        found = "a file" if folder.exists() else "nothing"
        raise DatasetError(f"{folder}: expected a folder with scans, found {found}")
    files = list_files(folder)
    cases = _unique_names(_recognise(files), folder)
    if not cases:
        if next(folder.glob("**/result.json"), None):
            raise DatasetError(f"{folder}: holds results of 'spondyl predict'; expected a folder of scans")
        endings = f"names ending in {', '.join(IMAGE_SUFFIXES)}"
        looked_for = _wanted() if annotated else endings
        raise DatasetError(f"{folder}: no scans found; looked for {looked_for}")
    chosen = [case for case in cases if case.annotated or not annotated]
    if not chosen:
        raise DatasetError(
            f"{folder}: {len(cases)} scan(s) found, e.g. {cases[0].image.name}, but none with an annotation; "
            f"looked for {_wanted()}"
        )
    if annotated:
        used = {case.centroids for case in chosen}
        _tell_left_out(folder, "without annotation", [case.image for case in cases if not case.annotated])
        _tell_left_out(folder, "without scan", [p for p in files if p.suffix == ".lml" and p not in used])
    return chosen


def _tell_left_out(folder: Path, why: str, files: list[Path]) -> None:
    """A misspelt name would else make a data set smaller without a word."""
    if files:
        names = ", ".join(str(file.relative_to(folder)) for file in files[:3]) + ", ..." * (len(files) > 3)
        logger.warning("%s: left out, %s: %s (%d in all)", folder, why, names, len(files))


def _recognise(files: list[Path]) -> list[Case]:
    known = frozenset(files)
    images = [file for file in files if image_stem(file) is not None]
    cases: list[Case] = []
    for layout in LAYOUTS:
        new = layout.find(images, known)
        cases += new
        claimed = {path for case in new for path in (case.image, case.mask)}
        folders = {case.image.parent for case in new if layout is totalsegmentator.LAYOUT}
        images = [
            image for image in images if image not in claimed and not folders.intersection(image.parents)
        ]
    return sorted(cases, key=lambda case: case.image)


def _unique_names(cases: list[Case], folder: Path) -> list[Case]:
    """Prefix names that occur more than once with their folders, so that outputs never collide."""
    count = Counter(case.name for case in cases)
    names = []
    for case in cases:
        name = case.name
        if count[name] > 1:
            stem = image_stem(case.image) or name
            name = "-".join((*case.image.parent.relative_to(folder).parts, stem))
        names.append(name)
    return [replace(case, name=name) for case, name in zip(cases, distinct(names), strict=True)]


def _wanted() -> str:
    return "; ".join(f"{layout.looks_like} ({layout.name})" for layout in reversed(LAYOUTS))
