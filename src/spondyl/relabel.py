"""Correcting a result on disk: all its files are rewritten together, or none.

Names follow the rules of :mod:`spondyl.corrections`; the files are those the result lists. The
preview needs the scan, which is looked for where it was when it was predicted.
"""

import logging
import shutil
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np

from spondyl.anatomy import NAMES, label_of
from spondyl.corrections import (
    Renaming,
    corrected,
    extras_of,
    follow,
    rename_some,
    shift_all,
    without_last,
)
from spondyl.errors import AnnotationError, ImageError, InputError, MissingDependencyError
from spondyl.export import FORMATS, check_formats
from spondyl.io.atomic import atomic_folder
from spondyl.io.masks import label_counts
from spondyl.io.temporary import sweep
from spondyl.outputs import RESULT, write_files
from spondyl.result import Result, read_result
from spondyl.result_measurements import Measurements
from spondyl.spine import Spine
from spondyl.volume import Volume

__all__ = ["relabel", "shift", "undo"]

logger = logging.getLogger(__name__)

_WITHOUT_SCAN: Final = (
    "the preview is drawn without it, and nothing is measured again; --image names the scan"
)

Plan = Callable[[Collection[int], Collection[int]], tuple[Renaming, Collection[int]]]
"""From the labels of a result and its extra levels to the renaming and the extra levels after it."""


def shift(folder: Path | str, by: int, *, image: Path | str | None = None) -> Result:
    """Rename every vertebra of a result.

    Args:
        folder: The result of one scan.
        by: Levels towards the feet; negative: towards the head.
        image: The scan, for the preview, if it has moved.

    Returns:
        What ``result.json`` holds now.

    Raises:
        InputError: ``by`` is 0.
        AnnotationError: no result, one of another version or damaged, or a name would leave C1..S2.
        ImageError: ``image`` is not the scan of this result.
        OutputError: the files cannot be written. Whatever is raised, nothing was changed.
    """
    if by == 0:
        raise InputError("a shift by 0 changes nothing; give a number of levels, such as 1 or -1")

    def plan(labels: Collection[int], extras: Collection[int]) -> tuple[Renaming, Collection[int]]:
        return shift_all(labels, by, extras), extras

    return _correct(Path(folder), f"shift by {by}", plan, image)


def relabel(
    folder: Path | str, renames: Mapping[str, str], *, only: bool = False, image: Path | str | None = None
) -> Result:
    """Call a vertebra of a result by another name; the others follow.

    Args:
        folder: The result of one scan.
        renames: Name now to right name; one, or with ``only`` as many as you like.
        only: Leave the other vertebrae alone.
        image: The scan, for the preview, if it has moved.

    Returns:
        What ``result.json`` holds now.

    Raises:
        InputError: not exactly one renaming, or one that changes nothing.
        AnnotationError: no result, one of another version or damaged; no such vertebra or name; two
            vertebrae would bear one name; a name would leave C1..S2.
        ImageError: ``image`` is not the scan of this result.
        OutputError: the files cannot be written. Whatever is raised, nothing was changed.
    """
    wanted = {label_of(old): label_of(new) for old, new in renames.items()}
    if all(old == new for old, new in wanted.items()):
        raise InputError("no vertebra would change its name; say for example T12=L1")
    if len(wanted) > 1 and not only:
        raise InputError("one vertebra leads the others; to rename several and no other, add --only")

    def plan(labels: Collection[int], extras: Collection[int]) -> tuple[Renaming, Collection[int]]:
        if only:
            return rename_some(labels, wanted, extras)
        ((old, new),) = wanted.items()
        return follow(labels, old, new, extras)

    what = " ".join(f"{NAMES[old]}={NAMES[new]}" for old, new in wanted.items())
    return _correct(Path(folder), f"{what} only" if only else what, plan, image)


def undo(folder: Path | str, *, image: Path | str | None = None) -> Result:
    """Take back the last correction of a result; without any left, it is as the model gave it.

    Args:
        folder: The result of one scan.
        image: The scan, for the preview, if it has moved.

    Returns:
        What ``result.json`` holds now.

    Raises:
        AnnotationError: no result, one of another version or damaged, or nothing to take back.
        ImageError: ``image`` is not the scan of this result.
        OutputError: the files cannot be written. Whatever is raised, nothing was changed.
    """
    folder = Path(folder)
    result, mask = _read(folder)
    with _naming(folder):
        before, back = without_last(result)
    return _rewrite(folder, before, mask and _renumbered(mask, back), image)


def _correct(folder: Path, what: str, plan: Plan, image: Path | str | None) -> Result:
    """Rename as planned, and rewrite the files."""
    result, mask = _read(folder)
    labels = {found.label for found in result.vertebrae}
    if not labels:
        raise AnnotationError(f"{folder}: no vertebra was found in this scan, so there is none to rename")
    if mask is not None:  # may hold a vertebra whose centroid was not found
        labels |= set(np.flatnonzero(label_counts(mask.data))[1:].tolist())
    with _naming(folder):
        renaming, extras = plan(labels, extras_of(labels, result))
        new = corrected(result, renaming, what, extras)
    return _rewrite(folder, new, mask and _renumbered(mask, renaming), image)


def _read(folder: Path) -> tuple[Result, Volume | None]:
    """The result and its mask; refuses one that this version could not write again."""
    sweep(folder)
    if not (folder / RESULT).is_file():
        raise AnnotationError(f"{folder}: expected the result of one scan ({RESULT}), found none")
    result = Result.read(folder / RESULT)
    unknown = sorted(set(result.files) - set(FORMATS) - {"preview"})
    if unknown:
        raise AnnotationError(
            f"{folder}: lists {', '.join(unknown)}, which this version of the program cannot rewrite;"
            " use the version that wrote it"
        )
    check_formats(kind for kind in result.files if kind != "preview")
    mask = read_result(folder, mask=True).mask
    lacking = [kind for kind in result.files if kind in FORMATS and FORMATS[kind].needs_mask]
    if mask is None and lacking:
        raise AnnotationError(f"{folder}: lists {', '.join(lacking)}, but no mask to make them from")
    return result, mask


def _rewrite(folder: Path, result: Result, mask: Volume | None, image: Path | str | None) -> Result:
    """Write all files under their new names beside the old ones, then swap the folders."""
    wanted = "preview" in result.files or result.measurements is not None
    volume = _scan(folder, result, image) if wanted else None
    spine: Spine = replace(result.to_spine(), mask=mask)
    if volume is not None and _measured_under_other_names(result):
        from spondyl.morphometry import measure

        spine = replace(spine, measurements=measure(volume, spine))
        result = result.model_copy(
            update={"measurements": spine.measurements and Measurements.of(spine.measurements)}
        )
    with atomic_folder(folder) as new:
        for other in folder.iterdir():
            if other.name not in {RESULT, *result.files.values()}:  # somebody's notes
                _copy(other, new / other.name)
        files = write_files(spine, result.grid, new, result.files, volume)
        result = result.model_copy(update={"files": files})
        result.write(new / RESULT)
    return result


def _measured_under_other_names(result: Result) -> bool:
    """Whether there are measurements whose names have changed since they were taken."""
    if result.measurements is None or result.model_answer is None:
        return False
    return [v.name for v in result.vertebrae] != [v.name for v in result.model_answer.vertebrae]


def _scan(folder: Path, result: Result, image: Path | str | None) -> Volume | None:
    """The scan of a result, or nothing where it is no longer found.

    Raises:
        ImageError: the image given by hand cannot be read, or is another one.
    """
    from spondyl.io import read_image

    if image is not None:
        return _on_grid(read_image(image), result, image)
    if result.scan.path is None:
        logger.warning("%s: where the scan lies is not recorded, so %s", folder, _WITHOUT_SCAN)
        return None
    path = folder / result.scan.path
    try:
        return _on_grid(read_image(path), result, path)
    except (ImageError, MissingDependencyError) as error:
        logger.warning("%s, so %s", error, _WITHOUT_SCAN)
        return None


def _on_grid(volume: Volume, result: Result, path: Path | str) -> Volume:
    if not volume.grid.is_close(result.grid):
        raise ImageError(f"{path}: not the scan of this result: it lies on another grid")
    return volume


def _renumbered(mask: Volume, renaming: Mapping[int, int]) -> Volume:
    table = np.arange(256, dtype=np.uint8)
    for old, new in renaming.items():
        table[old] = new
    return Volume(table[mask.data], mask.grid)


def _copy(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target)
    else:
        shutil.copy2(source, target)


@contextmanager
def _naming(folder: Path) -> Iterator[None]:
    """Let errors say which result they are about."""
    try:
        yield
    except AnnotationError as error:
        raise AnnotationError(f"{folder}: {error}; nothing was changed") from error
