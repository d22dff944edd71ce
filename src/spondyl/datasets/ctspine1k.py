"""CTSpine1K: ``volumes/SOURCE/NAME.nii.gz`` with ``labels/SOURCE/NAME_seg.nii.gz``, VerSe numbers."""

from collections.abc import Iterable
from pathlib import Path

from spondyl.datasets.case import Case
from spondyl.datasets.files import beside, image_stem
from spondyl.datasets.layout import Layout

__all__ = ["LAYOUT"]


def _find(images: Iterable[Path], files: frozenset[Path]) -> list[Case]:
    cases = []
    for image in images:
        parts = image.parent.parts
        stem = image_stem(image)
        if stem is None or "volumes" not in parts:
            continue
        last = len(parts) - 1 - parts[::-1].index("volumes")
        labels = Path(*parts[:last], "labels", *parts[last + 1 :])
        mask = beside(files, labels, stem, ("_seg.nii.gz", "_seg.nii"))
        cases.append(Case(stem, image, mask=mask))
    return cases


LAYOUT = Layout("CTSpine1K", "volumes/SOURCE/NAME.nii.gz + labels/SOURCE/NAME_seg.nii.gz", _find)
