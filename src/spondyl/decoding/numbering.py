"""How another numbering of a spine differs, in words."""

from collections.abc import Iterator, Sequence
from itertools import groupby

from spondyl.anatomy import NAMES, ORDER

__all__ = ["describe_change"]

_RARE = ("T13", "L6")
_USUAL = [label for label in ORDER if NAMES[label] not in _RARE]


def describe_change(best: Sequence[int], other: Sequence[int], more: Sequence[tuple[int, int]] = ()) -> str:
    """How another numbering differs from the best, in words.

    Args:
        best: VerSe numbers, head to foot.
        other: What the same vertebrae are called there; 0 where there is none.
        more: What the other one finds beside them: before which of these, and its VerSe number.
    """
    gone = [NAMES[a] for a, b in zip(best, other, strict=True) if b == 0]
    moved = [NAMES[label] for _, label in more if NAMES[label] in gone]
    parts = [f"with {' and '.join(moved)} elsewhere"] if moved else []
    parts += [f"without the one called {name}" for name in gone if name not in moved]
    for place, label in more:
        if 0 < place < len(best) and NAMES[label] not in moved:  # one more at an end changes no name
            parts.append(f"with one more between {NAMES[best[place - 1]]} and {NAMES[best[place]]}")
    rare = [name for name in _RARE if _has(other, name) != _has(best, name)]
    parts += [f"{'with' if _has(other, name) else 'without'} {name}" for name in rare if name not in gone]
    return ", ".join(parts if rare else [*parts, *_shifts(best, other)])


def _has(labels: Sequence[int], name: str) -> bool:
    return any(label and NAMES[label] == name for label in labels)


def _shifts(best: Sequence[int], other: Sequence[int]) -> Iterator[str]:
    """Runs of vertebrae that are called by another level, and how far that is away."""
    both = [(a, b) for a, b in zip(best, other, strict=True) if a in _USUAL and b in _USUAL]
    runs = [
        (shift, [NAMES[a] for a, _ in run])
        for shift, run in groupby(both, key=lambda pair: _USUAL.index(pair[1]) - _USUAL.index(pair[0]))
    ]
    for shift, names in runs:
        if shift:
            levels = "one level" if abs(shift) == 1 else f"{abs(shift)} levels"
            who = names[0] if len(names) == 1 else f"{names[0]} to {names[-1]}"
            way = f"{levels} {'lower' if shift > 0 else 'higher'}"
            yield way if len(runs) == 1 else f"{who} {way}"
