"""One binary mask per vertebra, named as TotalSegmentator names them: ``vertebrae_L1.nii.gz``."""

from pathlib import Path

import numpy as np

from spondyl.anatomy import NAMES, ORDER
from spondyl.io.atomic import atomic_folder
from spondyl.io.images import write_image
from spondyl.io.masks import label_counts
from spondyl.volume import Volume

__all__ = ["write_structures"]


def write_structures(mask: Volume, folder: Path | str) -> None:
    """Write a folder with a file per vertebra; :func:`spondyl.io.read_mask` reads it back.

    Vertebrae that are not in the mask get no file (TotalSegmentator writes empty ones).

    Args:
        mask: VerSe numbers.
        folder: Replaced if it exists.

    Raises:
        OutputError: the folder cannot be written; nothing is left behind.
    """
    present = label_counts(mask.data)
    with atomic_folder(folder) as new:
        for label in ORDER:
            if present[label]:
                single = Volume((mask.data == label).astype(np.uint8), mask.grid)
                write_image(single, new / f"vertebrae_{NAMES[label]}.nii.gz")
