"""Corrected cases as a data set that ``spondyl train`` reads: VerSe's layout in one zip."""

import zipfile
from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from spondyl.anatomy import LABEL_OF
from spondyl.io import write_image
from spondyl.io.masks import label_counts
from spondyl.result import Result, read_result
from spondyl.server.display import factors_of
from spondyl.server.intake import read_upload
from spondyl.server.layout import CaseFiles
from spondyl.server.settings import Settings
from spondyl.spine import Spine

__all__ = ["has_whole_mask", "write_case"]

_SACRUM = frozenset((LABEL_OF["S1"], LABEL_OF["S2"]))
"""Training takes these from their centroids, with or without voxels."""


def write_case(bundle: zipfile.ZipFile, subject: str, files: CaseFiles, settings: Settings) -> None:
    """Add one case to a data set.

    A mask in which a vertebra lacks its voxels, as added ones do, would teach that the vertebra
    is background; such a case goes with its centroids alone.

    Args:
        bundle: The data set.
        subject: Letters, digits and hyphens, unique in it.
        files: Of the case.
        settings: Of the server, to know how the scan was stored.
    """
    name = f"sub-{subject}"
    result = Result.read(files.result / "result.json")
    spine = read_result(files.result, mask="mask" in result.files)
    annotation = f"derivatives/{name}/{name}"
    bundle.write(files.result / "centroids.json", f"{annotation}_seg-subreg_ctd.json")
    if has_whole_mask(spine):
        bundle.write(files.result / "mask.nii.gz", f"{annotation}_seg-vert_msk.nii.gz")
    scan = f"rawdata/{name}/{name}_ct.nii.gz"
    if factors_of(result.grid, settings.max_display_voxels) == (1, 1, 1):
        bundle.write(files.image, scan)
        return
    with TemporaryDirectory(dir=files.folder) as folder:
        whole = Path(folder) / "scan.nii.gz"
        write_image(read_upload(files, settings), whole)
        bundle.write(whole, scan)


def has_whole_mask(spine: Spine) -> bool:
    """Whether every vertebra that is there by its centroid has voxels in the mask."""
    if spine.mask is None:
        return False
    voxels: Iterable[int] = np.flatnonzero(label_counts(spine.mask.data)).tolist()
    return set(spine.labels) - _SACRUM <= set(voxels)
