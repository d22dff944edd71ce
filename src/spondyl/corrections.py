"""Names corrected by hand: one label is put right, and the others follow.

Every correction is kept in ``result.json`` beside the model's own answer, so it can be taken back.
The rules by which the others follow are in ``docs/outputs.md``.
"""

from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from typing import Final

import spondyl
from spondyl.anatomy import LABEL_OF, NAMES, ORDER, RANK, label_of, name_of
from spondyl.errors import AnnotationError
from spondyl.quality import checked_names
from spondyl.quality.codes import ABOUT_NAMES
from spondyl.result import Result
from spondyl.result_history import Answer, Correction
from spondyl.result_parts import FoundVertebra, ProgramInfo, Remark
from spondyl.spine import Spine, Vertebra

__all__ = ["Renaming", "corrected", "extras_of", "follow", "rename_some", "shift_all", "without_last"]

EXTRA: Final = (LABEL_OF["T13"], LABEL_OF["L6"])
"""Levels that are only counted where a spine has them."""

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


def corrected(result: Result, renaming: Mapping[int, int], what: str, extras: Collection[int] = ()) -> Result:
    """A result under new names, with the correction at the end of its history.

    Args:
        result: As it is.
        renaming: VerSe number now to VerSe number wanted; others stay.
        what: The correction in words.
        extras: Which of T13 and L6 count as levels from now on.
    """
    correction = Correction(
        what=what,
        renamed={
            name_of(old): name_of(renaming[old])
            for old in sorted(renaming, key=RANK.__getitem__)
            if renaming[old] != old
        },
        counting=tuple(NAMES[label] for label in EXTRA if label in extras),
        when=datetime.now(UTC).isoformat(timespec="seconds"),
        program=ProgramInfo(version=spondyl.__version__),
    )
    return _renamed(result, (*result.history, correction))


def without_last(result: Result) -> tuple[Result, Renaming]:
    """A result without its last correction, and the renaming that leads back.

    Raises:
        AnnotationError: there is none.
    """
    if not result.history:
        raise AnnotationError("nothing to undo: the names are those the model gave")
    back = {label_of(new): label_of(old) for old, new in result.history[-1].renamed.items()}
    return _renamed(result, result.history[:-1]), back


def _renamed(result: Result, history: tuple[Correction, ...]) -> Result:
    """The model's answer under the names that a history leads to."""
    answer = result.model_answer or Answer(
        vertebrae=result.vertebrae,
        numbering_probability=result.numbering_probability,
        alternatives=result.alternatives,
        flags=result.flags,
        measurements=result.measurements,
    )
    now = answer if _leads_back(answer, history) else _by_hand(answer, history)
    return result.model_copy(
        update={
            "vertebrae": now.vertebrae,
            "numbering_probability": now.numbering_probability,
            "alternatives": now.alternatives,
            "flags": now.flags,
            "measurements": now.measurements,
            "history": history,
            "model_answer": answer if history else None,
        }
    )


def _by_hand(answer: Answer, history: tuple[Correction, ...]) -> Answer:
    """The answer under other names; what was thought of its own names no longer holds."""
    after = {found.name: _name_after(found.name, history) for found in answer.vertebrae}
    spine = checked_names(Spine(tuple(_under(found, after[found.name]) for found in answer.vertebrae)))
    flags = (
        *(remark for remark in answer.flags if remark.code not in ABOUT_NAMES),
        *map(Remark.of, spine.flags),
        *(_anomaly(vertebra.name) for vertebra in spine if vertebra.label in EXTRA),
        Remark(code="corrected", message="Names were corrected by hand."),
    )
    table = {label_of(old): label_of(new) for old, new in after.items()}
    return Answer(
        vertebrae=tuple(map(FoundVertebra.of, spine)),
        numbering_probability=None,
        alternatives=(),
        flags=flags,
        measurements=answer.measurements and answer.measurements.relabelled(table),
    )


def _under(found: FoundVertebra, name: str) -> Vertebra:
    """A vertebra of the model's under another name, which the model gave no probability."""
    return Vertebra(
        label_of(name),
        found.centroid_mm,
        found.probability if name == found.name else None,
        tuple(remark.to_flag() for remark in found.flags if remark.code not in ABOUT_NAMES),
    )


def _anomaly(name: str) -> Remark:
    return Remark(code="enumeration_anomaly", message=f"There is a {name}.")


def _leads_back(answer: Answer, history: tuple[Correction, ...]) -> bool:
    return all(_name_after(found.name, history) == found.name for found in answer.vertebrae)


def _name_after(name: str, history: tuple[Correction, ...]) -> str:
    for correction in history:
        name = correction.renamed.get(name, name)
    return name


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
