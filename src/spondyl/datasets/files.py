"""File names of scans and masks, and the one walk over a data set's folder."""

import logging
import os
import re
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import Final

__all__ = ["IMAGE_SUFFIXES", "beside", "distinct", "image_stem", "list_files", "looks_like_mask"]

logger = logging.getLogger(__name__)

IMAGE_SUFFIXES: Final = (".nii.gz", ".nii", ".mha", ".mhd", ".nrrd", ".nhdr")
"""Endings of files that may be scans."""

_MASK_NAME = re.compile(r"(^|[._-])(msk|masks?|seg|segmentations?|labels?)$", re.IGNORECASE)


def image_stem(path: Path) -> str | None:
    """File name without its image ending, or ``None`` if it is no image.

    Dots inside a name stay: CTSpine1K has ``1.3.6.1.4.1.9328.50.4.0477.nii.gz``.
    """
    lowered = path.name.lower()
    for suffix in IMAGE_SUFFIXES:
        if lowered.endswith(suffix):
            return path.name[: -len(suffix)]
    return None


def looks_like_mask(path: Path) -> bool:
    """Whether an image is a mask by its name, e.g. ``NAME_seg-vert_msk.nii.gz`` or ``mask.nii.gz``."""
    stem = image_stem(path)
    return stem is not None and _MASK_NAME.search(stem) is not None


def list_files(folder: Path) -> list[Path]:
    """All files below a folder, sorted; links to folders are followed once.

    Hidden files, and the shadow files macOS puts into zip archives, are left out; a folder that
    cannot be read is, too, with a warning in the log, and so are pipes, sockets and devices.
    """
    found: list[Path] = []
    visited: set[str] = set()
    for parent, folders, names in os.walk(folder, onerror=_warn, followlinks=True):
        real = os.path.realpath(parent)
        if real in visited:
            folders.clear()
            continue
        visited.add(real)
        folders[:] = sorted(name for name in folders if not name.startswith((".", "__MACOSX")))
        found.extend(Path(parent, name) for name in names if not name.startswith("."))
    return sorted(file for file in found if _ends(file))


def _ends(file: Path) -> bool:
    """Whether a file can be read to its end; one that cannot be looked at is told of by its reader."""
    try:
        mode = file.stat().st_mode
    except OSError:
        return True
    if not stat.S_ISREG(mode):
        logger.warning("%s: left out, a pipe, socket or device", file)
    return stat.S_ISREG(mode)


def _warn(error: OSError) -> None:
    logger.warning("%s: left out, cannot be read: %s", error.filename, error.strerror)


def beside(files: frozenset[Path], folder: Path, stem: str, endings: Iterable[str]) -> Path | None:
    """The first of ``folder/stem + ending`` that exists among ``files``."""
    candidates = (folder / (stem + ending) for ending in endings)
    return next((candidate for candidate in candidates if candidate in files), None)


def distinct(names: Iterable[str]) -> list[str]:
    """The same names, a number behind all but the first of several alike; upper and lower case are alike."""
    names = list(names)
    given = {name.casefold() for name in names}
    used: set[str] = set()
    result = []
    for name in names:
        new, number = name, 1
        while new.casefold() in used or (number > 1 and new.casefold() in given):
            number += 1
            new = f"{name}-{number}"
        used.add(new.casefold())
        result.append(new)
    return result
