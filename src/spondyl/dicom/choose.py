"""Which CT series of a study shows the spine best, and why the others do not."""

import re
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from spondyl.dicom.series import SeriesInfo
from spondyl.errors import ImageError

__all__ = ["Choice", "choose_series"]

_MOST_NAMED: Final = 8
_SHARP: Final = re.compile(r"LUNG|EDGE|^[A-Z]{1,2}[5-9]\d|^FC[358]\d|^Y[A-D]$|^[DEL]$")
"""Kernels that trade noise and true HU for edges, in the words of four makers of scanners."""


@dataclass(frozen=True, eq=False)
class Choice:
    """The series to read of one study.

    Attributes:
        series: It.
        skipped: The other series, each with the reason. The first choice also has those of studies
            without a series to read.
    """

    series: SeriesInfo
    skipped: tuple[str, ...]


def choose_series(found: Sequence[SeriesInfo], series: str | None = None) -> tuple[Choice, ...]:
    """Choose one series per study.

    Of those that can be read: what covers most from head to foot, then thin slices, the scanner's own
    pictures before reformats, smooth kernels before sharp ones, many slices, the lowest number. Contrast
    does not matter.

    Args:
        found: From :func:`spondyl.dicom.find_series`.
        series: UID, number, description or part of a description of the series wanted.

    Returns:
        A choice for each study that holds a series to read.

    Raises:
        ImageError: there is none; the message has the reasons.
    """
    studies: dict[tuple[str, str], list[SeriesInfo]] = defaultdict(list)
    for info in found:
        studies[info.patient, info.study_uid].append(info)
    choices: list[Choice] = []
    unread: list[str] = []
    for members in studies.values():
        wanted = members if series is None else _named(members, series)
        readable = [info for info in wanted if not info.problem]
        if readable:
            best, reasons = _best(readable)
            skipped = [f"{info.title}: {_why(info, wanted, reasons)}" for info in members if info is not best]
            choices.append(Choice(best, tuple(skipped)))
        else:
            unread += [f"{info.title}: {_why(info, wanted, {})}" for info in members]
    if not choices:
        raise ImageError(_nothing(found, series))
    first, *others = choices
    return Choice(first.series, (*first.skipped, *unread)), *others


def _named(members: Sequence[SeriesInfo], series: str) -> list[SeriesInfo]:
    """The series that a user's words mean; the strictest reading that fits any."""
    word = series.strip().casefold()
    tests: tuple[Callable[[SeriesInfo], bool], ...] = (
        lambda info: info.uid == series.strip(),
        lambda info: info.description.casefold() == word,
        lambda info: str(info.number) == word,
        lambda info: bool(word) and word in info.description.casefold(),
    )
    for test in tests:
        if fitting := [info for info in members if test(info)]:
            return fitting
    return []


def _best(readable: Sequence[SeriesInfo]) -> tuple[SeriesInfo, dict[int, str]]:
    """Reject series step by step; the reasons are kept by identity."""
    rules: tuple[tuple[Callable[[SeriesInfo], float], float, str], ...] = (
        (
            lambda info: -info.height_mm,
            0.15 * max(i.height_mm for i in readable),
            "covers less of the patient",
        ),
        (lambda info: max(info.step_mm, 1.0), 0.25, "thicker slices"),
        (lambda info: not info.original, 0, "made from other pictures"),
        (lambda info: bool(_SHARP.search(info.kernel.upper())), 0, "a sharper kernel, more noise"),
        (lambda info: -(0 if info.stack is None else len(info.stack.slices)), 0, "fewer slices"),
        (lambda info: info.number, 0, "as good as the chosen one, but of a higher number"),
    )
    left, reasons = list(readable), dict[int, str]()
    for measure, tolerance, reason in rules:
        limit = min(map(measure, left)) + tolerance
        reasons |= {id(info): reason for info in left if measure(info) > limit}
        left = [info for info in left if measure(info) <= limit]
    best, *ties = sorted(left, key=lambda info: info.uid)
    reasons |= {id(info): "as good as the chosen one" for info in ties}
    return best, reasons


def _why(info: SeriesInfo, wanted: Sequence[SeriesInfo], reasons: dict[int, str]) -> str:
    if info.problem:
        return info.problem
    return reasons.get(id(info), "not the one asked for" if info not in wanted else "")


def _nothing(found: Sequence[SeriesInfo], series: str | None) -> str:
    """What to tell where no series can be read."""
    asked = [] if series is None else [info for info in found if info in _named(found, series)]
    listed = asked or found
    lines = [f"{info.title}: {info.problem or 'can be read'}" for info in listed[:_MOST_NAMED]]
    more = f"; and {len(listed) - _MOST_NAMED} more" if len(listed) > _MOST_NAMED else ""
    start = (
        "no CT series that can be read" if series is None or asked else f"no series {series!r} among these"
    )
    return f"{start}: {'; '.join(lines)}{more}"
