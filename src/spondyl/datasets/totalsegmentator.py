"""TotalSegmentator: ``s0001/ct.nii.gz`` with ``s0001/segmentations/vertebrae_T12.nii.gz`` ..."""

import re
from collections.abc import Iterable
from pathlib import Path

from spondyl.datasets.case import Case
from spondyl.datasets.files import image_stem
from spondyl.datasets.layout import Layout

__all__ = ["LAYOUT"]

_VERTEBRA = re.compile(r"vertebrae_([CTLS]\d{1,2})\.nii(\.gz)?$")


def _find(images: Iterable[Path], files: frozenset[Path]) -> list[Case]:
    with_masks = {file.parent for file in files if file.parent.name == "segmentations"}
    with_vertebrae = {file.parent for file in files if _VERTEBRA.search(file.name)}
    cases = []
    for image in images:
        if image_stem(image) != "ct":
            continue
        masks = image.parent / "segmentations"
        if masks in with_masks:
            cases.append(Case(image.parent.name, image, masks=masks if masks in with_vertebrae else None))
    return cases


LAYOUT = Layout("TotalSegmentator", "s0001/ct.nii.gz + s0001/segmentations/vertebrae_*.nii.gz", _find)
