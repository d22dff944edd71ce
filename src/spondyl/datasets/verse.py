"""VerSe 2019 and 2020, restructured: ``rawdata/sub-*/`` with ``derivatives/sub-*/``.

Also with annotation and scan in one folder, as some re-publications have it. Scans split in two
keep their subject first: ``sub-verse401_split-verse201_ct.nii.gz``.
"""

from collections.abc import Iterable
from pathlib import Path

from spondyl.datasets.case import Case
from spondyl.datasets.files import beside, image_stem
from spondyl.datasets.layout import Layout

__all__ = ["LAYOUT"]

_CENTROIDS = ("_seg-subreg_ctd.json", "_seg-vb_ctd.json", "_ctd.json")
_MASKS = ("_seg-vert_msk.nii.gz", "_seg-vert_msk.nii")


def _annotation_folders(image: Path) -> list[Path]:
    """Where the annotation of a scan may lie: its twin under ``derivatives``, or beside the scan."""
    parts = image.parent.parts
    folders = [image.parent]
    if "rawdata" in parts:
        last = len(parts) - 1 - parts[::-1].index("rawdata")
        folders.insert(0, Path(*parts[:last], "derivatives", *parts[last + 1 :]))
    return folders


def _find(images: Iterable[Path], files: frozenset[Path]) -> list[Case]:
    cases = []
    for image in images:
        stem = image_stem(image)
        if stem is None or not (stem.startswith("sub-") and stem.endswith("_ct")):
            continue
        name = stem.removesuffix("_ct")
        folders = _annotation_folders(image)
        centroids = next((hit for f in folders if (hit := beside(files, f, name, _CENTROIDS))), None)
        mask = next((hit for f in folders if (hit := beside(files, f, name, _MASKS))), None)
        cases.append(Case(name, image, centroids, mask))
    return cases


LAYOUT = Layout(
    "VerSe",
    "rawdata/sub-*/sub-*_ct.nii.gz + derivatives/sub-*/sub-*_seg-subreg_ctd.json, sub-*_seg-vert_msk.nii.gz",
    _find,
)
