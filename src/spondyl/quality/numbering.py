"""Doubts about what was found, and about how many vertebrae the spine has."""

from collections.abc import Iterator
from typing import Final

from spondyl.anatomy import LABEL_OF
from spondyl.flag import Flag
from spondyl.quality.finding import Finding
from spondyl.spine import Spine

__all__ = ["check_numbering"]

_LEAST: Final = 0.6  # probability of the surest vertebra below which nothing holds the numbering
_ROW: Final = 5  # so many vertebrae in a row are a spine, whatever their names
_SUSPECTED: Final = 0.1  # probability from which an unusual count is worth a word
_RARE: Final = ("T13", "L6")


def check_numbering(spine: Spine) -> Iterator[Finding]:
    """A few vertebrae none of which is sure, and other numberings with an unusual number of vertebrae."""
    sure = [v.probability for v in spine if v.probability is not None]
    if sure and max(sure) < _LEAST and len(spine) < _ROW:
        count = "one vertebra was" if len(spine) == 1 else f"{len(spine)} vertebrae were"
        message = f"Only {count} found, and no name is surer than {max(sure):.0%}; it may be no spine at all."
        yield Finding(Flag("spine_doubtful", message))
    for name in _RARE:
        label = LABEL_OF[name]
        if label in spine:
            continue
        chance = sum(other.probability for other in spine.alternatives if label in other.labels)
        if chance >= _SUSPECTED:
            yield Finding(
                Flag("enumeration_anomaly", f"The spine may have a {name} (probability {chance:.0%}).")
            )
