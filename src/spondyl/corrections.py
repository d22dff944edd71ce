"""Corrections by hand: one label is put right, and the others follow; vertebrae are moved, added, deleted.

Every correction is kept in ``result.json`` beside the model's own answer, so it can be taken back
(:mod:`spondyl.replay`). The rules by which the others follow are in ``docs/outputs.md``.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import spondyl
from spondyl.anatomy import NAMES, ORDER, RANK, label_of, name_of
from spondyl.errors import AnnotationError, InputError
from spondyl.replay import EXTRA, with_history
from spondyl.result import Result
from spondyl.result_history import Correction
from spondyl.result_parts import PointMm, ProgramInfo

__all__ = [
    "Renaming",
    "added",
    "corrected",
    "deleted",
    "extras_of",
    "follow",
    "moved",
    "rename_some",
    "renumbered",
    "shift_all",
    "with_again",
    "without_last",
]

_OUTSIDE_MM: Final = 10.0
"""A vertebra cut by the border may have its centre this far outside of the scan."""

Renaming = dict[int, int]


def extras_of(labels: Collection[int], result: Result | None = None) -> frozenset[int]:
    """Which of T13 and L6 count as levels.

    Args:
        labels: What is in the spine now.
        result: Where an earlier correction may have pushed one of them out of the scan.
    """
    counted = result.history[-1].counting if result is not None and result.history else ()
    return frozenset(label for label in EXTRA if label in labels or NAMES[label] in counted)


def shift_all(labels: Collection[int], by: int, extras: Collection[int]) -> Renaming:
    """Every label ``by`` levels towards the feet (negative: towards the head).

    Args:
        labels: VerSe numbers.
        by: Levels.
        extras: Which of T13 and L6 count as levels; all that are in ``labels``.

    Raises:
        AnnotationError: one would leave C1..S2.
    """
    ladder = _ladder(extras)
    return {label: _step(ladder, ladder.index(label) + by, label) for label in labels}


def follow(
    labels: Collection[int], old: int, new: int, extras: Collection[int]
) -> tuple[Renaming, frozenset[int]]:
    """Call one vertebra ``new``; the others keep their distance from it, in levels.

    Above and below are counted on the ladder with T13 (or L6) if the spine has one and it is not
    the one renamed, or if it is the new name. So ``L1=T13`` keeps the names above and moves those
    below up by one, and ``T13=L1`` does the reverse.

    Args:
        labels: VerSe numbers.
        old: The vertebra that is put right; one of ``labels``.
        new: What it is.
        extras: Which of T13 and L6 counted as levels so far.

    Returns:
        Label now to label wanted, and which of T13 and L6 count from now on.

    Raises:
        AnnotationError: ``old`` is not there, or one would leave C1..S2.
    """
    _check_there(labels, [old])
    after = (frozenset(extras) - {old}) | ({new} & set(EXTRA))
    here, there = _ladder(extras), _ladder(after)
    offset = there.index(new) - here.index(old)
    return {label: _step(there, here.index(label) + offset, label) for label in labels}, after


def rename_some(
    labels: Collection[int], wanted: Mapping[int, int], extras: Collection[int]
) -> tuple[Renaming, frozenset[int]]:
    """Rename some vertebrae and leave the others alone.

    Args:
        labels: VerSe numbers.
        wanted: VerSe number now to VerSe number wanted.
        extras: Which of T13 and L6 counted as levels so far.

    Returns:
        Label now to label wanted, and which of T13 and L6 count from now on.

    Raises:
        AnnotationError: one is not there, or two would bear one name.
    """
    _check_there(labels, wanted)
    renaming = {label: wanted.get(label, label) for label in labels}
    _check_unique(list(renaming.values()))
    return renaming, (frozenset(extras) - set(wanted)) | (set(wanted.values()) & set(EXTRA))


def corrected(
    result: Result,
    renaming: Mapping[int, int],
    what: str,
    extras: Collection[int] = (),
    removed: tuple[str, ...] = (),
) -> Result:
    """A result under new names, with the correction at the end of its history.

    Args:
        result: As it is.
        renaming: VerSe number now to VerSe number wanted; others stay.
        what: The correction in words.
        extras: Which of T13 and L6 count as levels from now on.
        removed: Names now of what is no vertebra.
    """
    renamed = {
        name_of(old): name_of(renaming[old])
        for old in sorted(renaming, key=RANK.__getitem__)
        if renaming[old] != old
    }
    changes = {"renamed": renamed, "removed": removed}
    return with_history(result, (*result.history, _correction(what, extras, **changes)))


def renumbered(result: Result, names: Sequence[str | None], labels: Collection[int]) -> Result:
    """A result in which every vertebra has the name that another numbering gives it.

    Args:
        result: As it is.
        names: One for each vertebra, head to foot; ``None``: there is none, and its voxels go.
        labels: All that are there, by centroid or by voxels.

    Raises:
        InputError: not one name for each vertebra, or no change.
        AnnotationError: a name does not exist, or two vertebrae would bear one.
    """
    now = [found.name for found in result.vertebrae]
    if len(names) != len(now):
        raise InputError(f"{len(names)} names for {len(now)} vertebrae; give one for each, head to foot")
    if list(names) == now:
        raise InputError("no vertebra would change its name")
    removed = tuple(old for old, new in zip(now, names, strict=True) if new is None)
    wanted = {label_of(old): label_of(new) for old, new in zip(now, names, strict=True) if new is not None}
    stay = set(labels) - {label_of(name) for name in removed}
    renaming, extras = rename_some(stay, wanted, extras_of(labels, result))
    renames = [f"{NAMES[old]}={NAMES[new]}" for old, new in wanted.items() if old != new]
    what = " ".join([*(f"delete {name}" for name in removed), *renames])
    return corrected(result, renaming, what, extras, removed)


def moved(result: Result, label: int, centroid_mm: PointMm) -> Result:
    """A result with one centroid elsewhere.

    Raises:
        AnnotationError: there is no such vertebra, or the point lies outside of the scan.
    """
    labels = [found.label for found in result.vertebrae]
    _check_there(labels, [label])
    point = _checked_point(result, centroid_mm)
    correction = _correction(f"move {NAMES[label]}", extras_of(labels, result), moved={NAMES[label]: point})
    return with_history(result, (*result.history, correction))


def deleted(result: Result, label: int, labels: Collection[int]) -> Result:
    """A result without one vertebra.

    Args:
        result: As it is.
        label: VerSe number of what is no vertebra.
        labels: All that are there, by centroid or by voxels.

    Raises:
        AnnotationError: there is no such vertebra.
    """
    _check_there(labels, [label])
    extras = extras_of(labels, result) - {label}
    correction = _correction(f"delete {NAMES[label]}", extras, removed=(NAMES[label],))
    return with_history(result, (*result.history, correction))


def added(result: Result, label: int, centroid_mm: PointMm) -> Result:
    """A result with one more vertebra.

    Raises:
        AnnotationError: there is one of this name, or the point lies outside of the scan.
    """
    labels = [found.label for found in result.vertebrae]
    if label in labels:
        raise AnnotationError(f"there is a {name_of(label)} already; move it, or rename it first")
    point = _checked_point(result, centroid_mm)
    extras = extras_of([*labels, label], result)
    correction = _correction(f"add {NAMES[label]}", extras, added={NAMES[label]: point})
    return with_history(result, (*result.history, correction))


def without_last(result: Result) -> Result:
    """A result without its last correction.

    Raises:
        AnnotationError: there is none.
    """
    if not result.history:
        raise AnnotationError("nothing to undo: all is as the model gave it")
    return with_history(result, result.history[:-1])


def with_again(result: Result, correction: Correction, labels: Collection[int]) -> Result:
    """A result with a correction that was taken back before.

    Args:
        result: As it was when the correction was first made.
        correction: The entry of the history.
        labels: All that are there, by centroid or by voxels.

    Raises:
        AnnotationError: the correction does not fit this result.
    """
    names = {found.name for found in result.vertebrae}
    there = names | {name_of(label) for label in labels}
    wanted = {*correction.renamed, *correction.removed}
    if not wanted <= there or not correction.moved.keys() <= names or correction.added.keys() & names:
        raise AnnotationError(f"{correction.what!r} was made on another state of this result")
    return with_history(result, (*result.history, correction))


def _correction(what: str, extras: Collection[int], **changes: Any) -> Correction:
    """An entry of the history, made now."""
    return Correction(
        what=what,
        counting=tuple(NAMES[label] for label in EXTRA if label in extras),
        when=datetime.now(UTC).isoformat(timespec="seconds"),
        program=ProgramInfo(version=spondyl.__version__),
        **{"renamed": {}, **changes},
    )


def _checked_point(result: Result, centroid_mm: PointMm) -> PointMm:
    """RAS+ mm as ``result.json`` holds them: rounded to 0.001 mm.

    Raises:
        AnnotationError: the point lies outside of the scan.
    """
    x, y, z = (round(float(value), 3) for value in centroid_mm)
    if not result.grid.contains((x, y, z), _OUTSIDE_MM):
        raise AnnotationError(f"({x:g}, {y:g}, {z:g}) mm lies outside of the scan")
    return x, y, z


def _check_there(labels: Collection[int], wanted: Collection[int]) -> None:
    missing = [name_of(label) for label in wanted if label not in labels]
    if missing:
        there = ", ".join(NAMES[label] for label in ORDER if label in labels)
        raise AnnotationError(f"there is no {', '.join(missing)}; found are {there}")


def _check_unique(labels: list[int]) -> None:
    twice = sorted({label for label in labels if labels.count(label) > 1})
    if twice:
        names = ", ".join(map(name_of, twice))
        raise AnnotationError(f"two vertebrae would be called {names}; rename the other one too")


def _ladder(extras: Collection[int]) -> list[int]:
    """Levels from head to foot, T13 and L6 only where they count."""
    return [label for label in ORDER if label not in EXTRA or label in extras]


def _step(ladder: list[int], place: int, label: int) -> int:
    if not 0 <= place < len(ladder):
        raise AnnotationError(f"{name_of(label)} would leave C1..S2")
    return ladder[place]
