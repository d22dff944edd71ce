"""Progress bars, where somebody watches."""

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress as Display
    from rich.progress import ProgressColumn

    from spondyl.inference.tiling import Progress


T = TypeVar("T")


def display(*columns: "ProgressColumn", console: "Console") -> "Display":
    """Bars that vanish at the end. A file or a pipe gets none: rich would leave blank lines there."""
    from rich.progress import Progress

    return Progress(
        *columns,
        console=console,
        transient=True,
        disable=not console.is_terminal,
        # Without a terminal on the standard output, rich must not carry it over to the standard error.
        redirect_stdout=sys.stdout.isatty(),
    )


def tracked(items: Iterable[T], doing: str, count: int | None = None) -> Iterator[T]:
    """The same items, with a bar that counts them."""
    from rich.console import Console

    with display(console=Console()) as bar:
        yield from bar.track(items, count, description=doing)


class ScanBars:
    """One bar for all scans, and one for the pieces of the scan that is computed in this process."""

    def __init__(self, display: "Display", count: int) -> None:
        self._display = display
        self._overall = display.add_task("scans", total=count, pace="")
        self._current = display.add_task("", total=None, pace="", visible=False)

    def begin(self, name: str) -> "Progress":
        """Another scan is begun; gives its progress callback."""
        self._display.reset(self._current, description=name, total=None, visible=True)
        return lambda done, total: self._display.update(self._current, completed=done, total=total)

    def seen(self, count: int, pace: str = "") -> None:
        """So many scans are through."""
        self._display.update(self._overall, completed=count, pace=pace)


@contextmanager
def scan_bars(count: int) -> Iterator[ScanBars]:
    """Bars for so many scans, while the block runs."""
    from rich import progress as bars
    from rich.console import Console

    columns = (
        bars.TextColumn("{task.description}", markup=False),
        bars.BarColumn(),
        bars.MofNCompleteColumn(),
        bars.TimeElapsedColumn(),
        bars.TextColumn("{task.fields[pace]}"),
    )
    with display(*columns, console=Console(stderr=True)) as shown:
        yield ScanBars(shown, count)


@contextmanager
def case_bars(count: int) -> Iterator[Callable[[str], "Progress"]]:
    """The same for scans one after the other: called with the name of a scan when it begins."""
    with scan_bars(count) as bars:
        begun: list[str] = []

        def begin(name: str) -> "Progress":
            bars.seen(len(begun))
            begun.append(name)
            return bars.begin(name)

        yield begin
