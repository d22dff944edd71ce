"""The words of a preview: what was found, what to know about it, how far it is from the truth."""

import textwrap
from typing import Final

import numpy as np

from spondyl.quality.codes import Severity, severity_of
from spondyl.spine import Spine

__all__ = ["compared", "found", "remarks", "wrapped"]

_LETTER_PX: Final = 6.8  # width of a letter, on average
_MOST_LINES: Final = 4


def found(spine: Spine) -> str:
    """First and last name, how many, and how sure."""
    if len(spine) == 0:
        return "0 vertebrae"
    names = (
        spine.names[0] if len(spine) == 1 else f"{spine.names[0]}–{spine.names[-1]}, {len(spine)} vertebrae"
    )
    sure = spine.numbering_probability
    if sure is None:
        return names
    return f"{names}, numbering {f'{100 * sure:.0f} %' if sure < 0.995 else 'over 99 %'} sure"


def compared(spine: Spine, truth: Spine) -> str:
    """How many labels of the truth were predicted, how far off, and which were invented."""
    errors = [
        np.linalg.norm(np.subtract(v.centroid_mm, spine[v.label].centroid_mm))
        for v in truth
        if v.label in spine
    ]
    invented = [v.name for v in spine if v.label not in truth]
    words = f"rings: truth. {len(errors)} of {len(truth)} true labels predicted"
    if errors:
        words += f", mean error {np.mean(errors):.1f} mm"
    return words + (f"; not in the truth: {', '.join(invented)}" if invented else "")


def remarks(spine: Spine) -> str:
    """All that is flagged about the scan, and what is to be checked about vertebrae; what to check first."""
    said = [(flag, flag.message) for flag in spine.flags]
    said += [
        (flag, f"{vertebra.name}: {flag.message}")
        for vertebra in spine
        for flag in vertebra.flags
        if severity_of(flag) is Severity.CHECK
    ]
    said.sort(key=lambda remark: severity_of(remark[0]) is not Severity.CHECK)
    return "  ".join(words for _, words in said)


def wrapped(words: str, width_px: float) -> tuple[str, ...]:
    """Words in lines of a width, at most four; what does not fit ends in dots."""
    most = max(int(width_px / _LETTER_PX), 20)
    return tuple(textwrap.wrap(words, most, max_lines=_MOST_LINES, placeholder=" …"))
