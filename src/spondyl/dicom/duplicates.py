"""One picture per place: files sent twice, phases of one organ, scans that overlap."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Final

from spondyl.dicom.slices import Slice
from spondyl.errors import ImageError

__all__ = ["SAME_PLACE_MM", "one_per_place"]

SAME_PLACE_MM: Final = 0.02
"""Slices nearer than this lie at one place; scanners write positions to 0.01 mm or better."""

_FULL: Final = 0.9
_FEW: Final = 0.25


def one_per_place(slices: Sequence[Slice], heights_mm: Sequence[float]) -> tuple[list[Slice], list[str]]:
    """Leave one slice at each place.

    Files with the same SOP Instance UID are copies. Where different pictures share their places, a value of
    the header that tells acquisitions apart (phase, acquisition number, kernel) chooses the
    fullest acquisition. Where two scans of a series only overlap at their ends, the earlier picture stays.

    Args:
        slices: In any order.
        heights_mm: Of each along the normal of the slices.

    Returns:
        The slices, sorted by height, and remarks.

    Raises:
        ImageError: many places hold several pictures and nothing says which belong together.
    """
    notes = []
    known: set[tuple[str, int | None]] = set()
    sorted_slices: list[tuple[float, Slice]] = []
    for height, piece in sorted(
        zip(heights_mm, slices, strict=True), key=lambda pair: (pair[0], pair[1].order)
    ):
        name = (piece.sop_uid, piece.frame)
        if not piece.sop_uid or name not in known:
            sorted_slices.append((height, piece))
        known.add(name)
    if len(sorted_slices) < len(slices):
        notes.append(f"{len(slices) - len(sorted_slices)} copies of slices were left out")
    places = _places(sorted_slices)
    extra = sum(len(place) - 1 for place in places)
    if len(places) == 1 and extra:
        raise ImageError(f"all {extra + 1} slices lie at one place (bolus tracking?)")
    if extra == 0:
        return [place[0] for place in places], notes
    chosen = _one_acquisition(places)
    if chosen is not None:
        notes.append(
            f"{len(sorted_slices) - len(chosen)} slices of other acquisitions of the same place were left out"
        )
        return chosen, notes
    if extra > _FEW * len(places):
        raise ImageError(
            f"{extra} slices share their places with others, and nothing says which belong together"
        )
    notes.append(f"{extra} slices at the place of another were left out")
    return [min(place, key=lambda piece: piece.order) for place in places], notes


def _places(slices: Sequence[tuple[float, Slice]]) -> list[list[Slice]]:
    """Slices of the same height together."""
    places: list[list[Slice]] = []
    last = float("-inf")
    for height, piece in slices:
        if height - last > SAME_PLACE_MM:
            places.append([])
            last = height
        places[-1].append(piece)
    return places


def _one_acquisition(places: Sequence[Sequence[Slice]]) -> list[Slice] | None:
    """The slices that share one value of one of their moments, if they fill nearly all places once."""
    moments = min(len(piece.moments) for place in places for piece in place)
    for which in range(moments):
        groups: dict[str, list[int]] = defaultdict(list)
        for number, place in enumerate(places):
            for piece in place:
                groups[piece.moments[which]].append(number)
        full = [
            value for value, found in groups.items() if len(found) == len(set(found)) >= _FULL * len(places)
        ]
        if len(groups) > 1 and full:
            value = max(full, key=lambda value: (len(groups[value]), -_first(places, which, value)))
            return [piece for place in places for piece in place if piece.moments[which] == value]
    return None


def _first(places: Sequence[Sequence[Slice]], which: int, value: str) -> float:
    return min(piece.order for place in places for piece in place if piece.moments[which] == value)
