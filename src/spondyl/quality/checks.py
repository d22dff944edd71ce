"""The list of all checks, and the one place where results go through it."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from itertools import chain
from typing import Final

from spondyl.flag import Flag
from spondyl.quality.finding import Finding
from spondyl.quality.metal import check_metal
from spondyl.quality.motion import check_motion
from spondyl.quality.noise import check_noise
from spondyl.quality.numbering import check_numbering
from spondyl.quality.orientation import check_orientation
from spondyl.quality.spacing import check_spacing
from spondyl.quality.visibility import check_visibility
from spondyl.spine import Spine
from spondyl.volume import Volume

__all__ = ["checked", "checked_names"]

_OF_NAMES: Final[tuple[Callable[[Spine], Iterator[Finding]], ...]] = (check_numbering, check_spacing)
"""Checks of names and places alone."""

_OF_SCAN: Final[tuple[Callable[[Spine, Volume], Iterator[Finding]], ...]] = (
    check_orientation,
    check_motion,
    check_noise,
    check_metal,
    check_visibility,
)
"""Checks that look at the scan."""


def checked(spine: Spine, volume: Volume) -> Spine:
    """A spine with the flags that all checks raise, after those it has.

    Args:
        spine: With its mask on the scan's grid; without a mask, what needs one is not checked.
        volume: The scan in HU, any orientation and spacing, with its reader's remarks.
    """
    findings = chain(
        (Finding(remark) for remark in volume.remarks),
        (finding for check in _OF_NAMES for finding in check(spine)),
        (finding for check in _OF_SCAN for finding in check(spine, volume)),
    )
    return _with(spine, findings)


def checked_names(spine: Spine) -> Spine:
    """A spine whose names were corrected by hand, with the flags that the new names raise."""
    return _with(spine, check_spacing(spine))


def _with(spine: Spine, findings: Iterable[Finding]) -> Spine:
    """Add flags; one that says again what the same scan or vertebra is flagged for is left out."""
    added: dict[int | None, list[Flag]] = {None: list(spine.flags)}
    added |= {vertebra.label: list(vertebra.flags) for vertebra in spine}
    for finding in findings:
        flags = added[finding.label]
        if finding.flag not in flags and (finding.label is None or not _has(flags, finding.flag.code)):
            flags.append(finding.flag)
    vertebrae = tuple(replace(v, flags=tuple(added[v.label])) for v in spine)
    return replace(spine, vertebrae=vertebrae, flags=tuple(added[None]))


def _has(flags: Iterable[Flag], code: str) -> bool:
    return any(flag.code == code for flag in flags)
