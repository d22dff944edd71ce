"""BioMedIA spine and any folder like it: ``NAME.nii.gz`` with ``NAME.lml`` beside, nested at will.

Spondyl writes its phantoms this way, with ``NAME_seg-vert_msk.nii.gz`` as the exact mask.
"""

from collections.abc import Iterable
from pathlib import Path

from spondyl.datasets.case import Case
from spondyl.datasets.files import IMAGE_SUFFIXES, beside, image_stem, looks_like_mask
from spondyl.datasets.layout import Layout

__all__ = ["LAYOUT"]

_CENTROIDS = (".lml", "_seg-subreg_ctd.json", "_ctd.json", ".mrk.json", ".csv")
_MASKS = tuple(
    f"{tag}{suffix}" for tag in ("_seg-vert_msk", "_msk", "_mask", "_seg") for suffix in IMAGE_SUFFIXES
)


def _find(images: Iterable[Path], files: frozenset[Path]) -> list[Case]:
    cases = []
    for image in images:
        stem = image_stem(image)
        if stem is None or looks_like_mask(image):
            continue
        centroids = beside(files, image.parent, stem, _CENTROIDS)
        mask = beside(files, image.parent, stem, _MASKS)
        cases.append(Case(stem, image, centroids, mask))
    return cases


LAYOUT = Layout("BioMedIA", "NAME.nii.gz + NAME.lml, in sub-folders if you like", _find)
