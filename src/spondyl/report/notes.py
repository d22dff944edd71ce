"""Footnotes of a report: why values are missing, and what to know about those that are there."""

import re
from dataclasses import dataclass, field

from spondyl.result_measurements import MeasuredValue
from spondyl.result_parts import Remark

__all__ = ["Note", "Notes"]

_MARKS = "abcdefghijklmnopqrstuvwxyz"
_NUMBER = re.compile(r"(?<![A-Z\d.])\d+(\.\d+)?")  # T4 and T12 are names: sentences about them differ


@dataclass(frozen=True)
class Note:
    """One footnote.

    Attributes:
        mark: A letter that stands beside the values.
        text: What it says.
        places: What it is about, e.g. ``"T3, T4"``.
    """

    mark: str
    text: str
    places: str


@dataclass
class Notes:
    """Collects footnotes while a report is put together; sentences that differ in a number count as one."""

    _said: dict[str, tuple[str, list[str]]] = field(default_factory=dict)

    def of(self, value: MeasuredValue, place: str) -> str:
        """The marks of a value; remembers what they stand for.

        Args:
            value: What was measured, or refused.
            place: Of what, e.g. ``"L1"``.
        """
        remarks = (*([value.refused] if value.refused else []), *value.remarks)
        return ",".join(self._mark(remark, place) for remark in remarks)

    def listed(self) -> tuple[Note, ...]:
        """All footnotes, in the order of their marks."""
        return tuple(
            Note(_letter(number), text, ", ".join(places))
            for number, (text, places) in enumerate(self._said.values())
        )

    def _mark(self, remark: Remark, place: str) -> str:
        text = _general(remark.message, place)
        key = _NUMBER.sub("#", text)
        _, places = self._said.setdefault(key, (text, []))
        if place not in places:
            places.append(place)
        return _letter(list(self._said).index(key))


def _letter(number: int) -> str:
    return _MARKS[number % 26] * (1 + number // 26)


def _general(message: str, place: str) -> str:
    """A sentence without the name of the vertebra it is about."""
    message = re.sub(r"^[CTLS]\d+: ", "", message)
    return re.sub(rf"\b{re.escape(place)}\b", "this vertebra", message)
