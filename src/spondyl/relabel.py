"""Correcting a result on disk: all its files are rewritten together, or none.

Corrections follow the rules of :mod:`spondyl.corrections`; the files are those the result lists. The
preview needs the scan, which is looked for where it was when it was predicted. A page of many results
(``index.html``) beside the result is renewed.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from spondyl.anatomy import NAMES, label_of
from spondyl.corrections import (
    added,
    corrected,
    deleted,
    extras_of,
    follow,
    moved,
    rename_some,
    renumbered,
    shift_all,
    with_again,
    without_last,
)
from spondyl.errors import AnnotationError, InputError
from spondyl.io.masks import label_counts
from spondyl.report.cohort import renew_cohort
from spondyl.result import Result
from spondyl.result_history import Correction
from spondyl.result_parts import PointMm
from spondyl.rewrite import naming, read_for_correction, rewrite

__all__ = ["add", "delete", "move", "redo", "relabel", "renumber", "shift", "undo"]

Plan = Callable[[Result, frozenset[int]], Result]
"""From a result and the labels that are there, by centroid or by voxels, to the corrected result."""


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

    def plan(result: Result, labels: frozenset[int]) -> Result:
        _check_any(labels)
        extras = extras_of(labels, result)
        return corrected(result, shift_all(labels, by, extras), f"shift by {by}", extras)

    return _correct(Path(folder), plan, image)


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

    what = " ".join(f"{NAMES[old]}={NAMES[new]}" for old, new in wanted.items())

    def plan(result: Result, labels: frozenset[int]) -> Result:
        _check_any(labels)
        extras = extras_of(labels, result)
        if only:
            renaming, after = rename_some(labels, wanted, extras)
            return corrected(result, renaming, f"{what} only", after)
        ((old, new),) = wanted.items()
        renaming, after = follow(labels, old, new, extras)
        return corrected(result, renaming, what, after)

    return _correct(Path(folder), plan, image)


def renumber(
    folder: Path | str, names: Sequence[str | None] | int, *, image: Path | str | None = None
) -> Result:
    """Number the vertebrae of a result as another numbering does.

    Args:
        folder: The result of one scan.
        names: A name for each vertebra, head to foot, ``None`` for what is none; or which of the model's
            other numberings, 1 for the likeliest.
        image: The scan, for the preview, if it has moved.

    Returns:
        What ``result.json`` holds now.

    Raises:
        InputError: not one name for each vertebra, no change, or no such numbering.
        AnnotationError: no result, one of another version or damaged; two vertebrae would bear one name.
        ImageError: ``image`` is not the scan of this result.
        OutputError: the files cannot be written. Whatever is raised, nothing was changed.
    """

    def plan(result: Result, labels: frozenset[int]) -> Result:
        wanted = _alternative(result, names) if isinstance(names, int) else names
        return renumbered(result, wanted, labels)

    return _correct(Path(folder), plan, image)


def move(folder: Path | str, name: str, centroid_mm: PointMm, *, image: Path | str | None = None) -> Result:
    """Put the centroid of a vertebra elsewhere; its voxels stay.

    Args:
        folder: The result of one scan.
        name: Of the vertebra.
        centroid_mm: RAS+ mm.
        image: The scan, for the preview, if it has moved.

    Returns:
        What ``result.json`` holds now.

    Raises:
        AnnotationError: no result, one of another version or damaged; no such vertebra; a point outside
            of the scan.
        ImageError: ``image`` is not the scan of this result.
        OutputError: the files cannot be written. Whatever is raised, nothing was changed.
    """
    label = label_of(name)
    return _correct(Path(folder), lambda result, _: moved(result, label, centroid_mm), image)


def delete(folder: Path | str, name: str, *, image: Path | str | None = None) -> Result:
    """Take out what is no vertebra, with its voxels; the others keep their names.

    The model's mask is kept beside the result, so that it can be taken back.

    Args:
        folder: The result of one scan.
        name: Of the vertebra.
        image: The scan, for the preview, if it has moved.

    Returns:
        What ``result.json`` holds now.

    Raises:
        AnnotationError: no result, one of another version or damaged; no such vertebra.
        ImageError: ``image`` is not the scan of this result.
        OutputError: the files cannot be written. Whatever is raised, nothing was changed.
    """
    label = label_of(name)
    return _correct(Path(folder), lambda result, labels: deleted(result, label, labels), image)


def add(folder: Path | str, name: str, centroid_mm: PointMm, *, image: Path | str | None = None) -> Result:
    """Put in a vertebra that was missed. Nobody saw its voxels, so it gets none.

    Voxels that bear its name already, without a centroid, become its own.

    Args:
        folder: The result of one scan.
        name: Of the vertebra; the others keep theirs.
        centroid_mm: RAS+ mm.
        image: The scan, for the preview, if it has moved.

    Returns:
        What ``result.json`` holds now.

    Raises:
        AnnotationError: no result, one of another version or damaged; there is a vertebra of this
            name; a point outside of the scan.
        ImageError: ``image`` is not the scan of this result.
        OutputError: the files cannot be written. Whatever is raised, nothing was changed.
    """
    label = label_of(name)
    return _correct(Path(folder), lambda result, _: added(result, label, centroid_mm), image)


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
    return _correct(Path(folder), lambda result, _: without_last(result), image)


def redo(folder: Path | str, correction: Correction, *, image: Path | str | None = None) -> Result:
    """Make a correction again that was taken back.

    Args:
        folder: The result of one scan.
        correction: The last entry of ``Result.history`` before :func:`undo`.
        image: The scan, for the preview, if it has moved.

    Returns:
        What ``result.json`` holds now.

    Raises:
        AnnotationError: no result, one of another version or damaged, or another state than the one
            the correction was made on.
        ImageError: ``image`` is not the scan of this result.
        OutputError: the files cannot be written. Whatever is raised, nothing was changed.
    """
    return _correct(Path(folder), lambda result, labels: with_again(result, correction, labels), image)


def _correct(folder: Path, plan: Plan, image: Path | str | None) -> Result:
    """Correct as planned, and rewrite the files."""
    before, mask = read_for_correction(folder)
    labels = {found.label for found in before.vertebrae}
    if mask is not None:  # may hold a vertebra whose centroid was not found
        labels |= set(np.flatnonzero(label_counts(mask.data))[1:].tolist())
    with naming(folder):
        after = plan(before, frozenset(labels))
    now = rewrite(folder, before, after, mask, image)
    renew_cohort(folder.absolute().parent)
    return now


def _alternative(result: Result, number: int) -> tuple[str | None, ...]:
    """The names of one of the model's other numberings."""
    others = result.alternatives
    if not 1 <= number <= len(others):
        there = f"the last is {len(others)}" if others else "this result has none"
        raise InputError(f"no other numbering {number}: {there}")
    return others[number - 1].names


def _check_any(labels: frozenset[int]) -> None:
    if not labels:
        raise AnnotationError("no vertebra was found in this scan, so there is none to rename")
