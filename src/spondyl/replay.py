"""The model's answer sent through a history of corrections: names, centroids and mask as they are now.

Nothing is edited in place. Every state follows from the answer and the history alone, so taking a
correction back is exact.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import numpy.typing as npt

from spondyl.anatomy import LABEL_OF, NAMES, label_of
from spondyl.quality import checked_names
from spondyl.quality.codes import ABOUT_NAMES
from spondyl.result import Result
from spondyl.result_history import Answer, Correction
from spondyl.result_measurements import Measurements
from spondyl.result_parts import FoundVertebra, PointMm, Remark
from spondyl.spine import Spine, Vertebra
from spondyl.volume import Volume

__all__ = ["EXTRA", "model_mask", "replayed", "replayed_mask", "with_history"]

EXTRA: Final = (LABEL_OF["T13"], LABEL_OF["L6"])
"""Levels that are only counted where a spine has them."""

ABOUT_PLACES: Final = frozenset(("gap", "spacing_outlier"))
"""Codes that speak of where the vertebrae are, and so hold no longer when one is moved."""

History = Sequence[Correction]


@dataclass(frozen=True)
class _Place:
    """A vertebra on its way through a history; ``found`` is the model's, or ``None`` for an added one."""

    found: FoundVertebra | None
    name: str
    centroid_mm: PointMm


def with_history(result: Result, history: tuple[Correction, ...]) -> Result:
    """A result under another history of corrections."""
    answer = result.model_answer or Answer(
        vertebrae=result.vertebrae,
        numbering_probability=result.numbering_probability,
        alternatives=result.alternatives,
        flags=result.flags,
        measurements=result.measurements,
    )
    now = replayed(answer, history)
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


def replayed(answer: Answer, history: History) -> Answer:
    """What the model would have said, had it known.

    What it thought of its own names holds as long as those are its names: a vertebra with another name
    has no probability, and a numbering with other names has none, no alternatives and none of
    its remarks. If the corrections cancel, the answer itself comes back.
    """
    places = [_Place(found, found.name, found.centroid_mm) for found in answer.vertebrae]
    for correction in history:
        places = _after(places, correction)
    given = [(found, found.name, found.centroid_mm) for found in answer.vertebrae]
    if [(place.found, place.name, place.centroid_mm) for place in places] == given:
        return answer
    same_names = [place.name for place in places] == [found.name for found in answer.vertebrae]
    void = ABOUT_PLACES if same_names else ABOUT_NAMES
    spine = checked_names(Spine(tuple(_vertebra(place, void) for place in places)))
    flags = [remark for remark in answer.flags if remark.code not in void]
    flags += map(Remark.of, spine.flags)
    if not same_names:
        flags += [_anomaly(vertebra.name) for vertebra in spine if vertebra.label in EXTRA]
    return Answer(
        vertebrae=tuple(map(FoundVertebra.of, spine)),
        numbering_probability=answer.numbering_probability if same_names else None,
        alternatives=answer.alternatives if same_names else (),
        flags=(
            *(flag for flag in flags if flag.code != "no_spine" or not len(spine)),
            Remark(code="corrected", message=f"{_what_changed(history)} were corrected by hand."),
        ),
        measurements=answer.measurements and _measurements(answer.measurements, answer, places),
    )


def replayed_mask(mask: Volume, history: History) -> Volume:
    """The model's mask as it is after a history; a vertebra taken out leaves background.

    Args:
        mask: uint8, VerSe numbers, as the model gave it.
        history: Oldest first.
    """
    table = np.arange(256, dtype=np.uint8)
    for label, name in NAMES.items():
        after = _name_after(name, history)
        table[label] = 0 if after is None else label_of(after)
    return _looked_up(mask, table)


def model_mask(mask: Volume, history: History) -> Volume:
    """The model's mask, from what it has become through a history that took no voxels away."""
    table = np.arange(256, dtype=np.uint8)
    for label, name in NAMES.items():
        before = name
        for correction in reversed(history):
            back = {new: old for old, new in correction.renamed.items()}
            before = back.get(before, before)
        table[label] = label_of(before)
    return _looked_up(mask, table)


def _after(places: Iterable[_Place], correction: Correction) -> list[_Place]:
    """All vertebrae after one more correction."""
    stay = [
        replace(
            place,
            name=correction.renamed.get(place.name, place.name),
            centroid_mm=correction.moved.get(place.name, place.centroid_mm),
        )
        for place in places
        if place.name not in correction.removed
    ]
    return stay + [_Place(None, name, point) for name, point in correction.added.items()]


def _vertebra(place: _Place, void: frozenset[str]) -> Vertebra:
    """A vertebra as it is now, without the flags that no longer hold."""
    label = label_of(place.name)
    if place.found is None:
        return Vertebra(label, place.centroid_mm)
    sure = place.found.probability if place.name == place.found.name else None
    flags = tuple(remark.to_flag() for remark in place.found.flags if remark.code not in void)
    return Vertebra(label, place.centroid_mm, sure, flags)


def _anomaly(name: str) -> Remark:
    return Remark(code="enumeration_anomaly", message=f"There is a {name}.")


def _measurements(given: Measurements, answer: Answer, places: Sequence[_Place]) -> Measurements:
    """What was measured, under the names of now; nothing of vertebrae that are elsewhere or gone."""
    kept = {place.found.name: place for place in places if place.found}
    after = {
        found.name: kept[found.name].name
        for found in answer.vertebrae
        if found.name in kept and kept[found.name].centroid_mm == found.centroid_mm
    }
    gone = {found.name for found in answer.vertebrae if found.name not in after}
    if gone or len(places) > len(answer.vertebrae):
        given = given.without(gone)
    return given.relabelled({label_of(old): label_of(new) for old, new in after.items()})


def _name_after(name: str, history: History) -> str | None:
    """What becomes of the voxels of a name; ``None``: background."""
    for correction in history:
        if name in correction.removed:
            return None
        name = correction.renamed.get(name, name)
    return name


def _what_changed(history: History) -> str:
    """The subject of a sentence: names, centroids, vertebrae."""
    words = [
        word
        for word, there in (
            ("names", any(c.renamed for c in history)),
            ("centroids", any(c.moved for c in history)),
            ("vertebrae", any(c.removed or c.added for c in history)),
        )
        if there
    ]
    return " and ".join(words).capitalize()


def _looked_up(mask: Volume, table: npt.NDArray[np.uint8]) -> Volume:
    return Volume(table[mask.data], mask.grid)
