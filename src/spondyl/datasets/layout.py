"""What a layout is: a name, how it looks, and a function that recognises its cases."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from spondyl.datasets.case import Case

__all__ = ["Layout"]


@dataclass(frozen=True)
class Layout:
    """A way to lay out scans and annotations on disk.

    Attributes:
        name: As people call it.
        looks_like: One line showing the files.
        find: From candidate images (sorted) and all files to cases. It leaves alone what is not its own.
    """

    name: str
    looks_like: str
    find: Callable[[Iterable[Path], frozenset[Path]], list[Case]]
