"""``spondyl download``: public data sets into the folders the other commands expect."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["download"]


def download(
    dataset: Literal["biomedia", "verse", "totalsegmentator", "ctspine1k"],
    folder: Path = Path(),
    *,
    part: Annotated[tuple[str, ...], Parameter(negative=())] = (),
    from_: Annotated[Path | None, Parameter(name="--from")] = None,
    keep: Annotated[bool, Parameter(negative=())] = False,
) -> None:
    """Fetch a public data set into training_dataset and testing_dataset.

    A broken transfer continues where it stopped when the command is run again; what is complete is
    not fetched twice. BioMedIA wants a browser: the command names the page, and unpacks the files.

    Args:
        dataset: Which data set.
        folder: Where training_dataset and testing_dataset are made.
        part: Only this part, e.g. spine-1 or verse19test; may be repeated.
        from_: Folder with the zip archives, if they were fetched by hand.
        keep: Keep the archives after unpacking.
    """
    from rich.console import Console

    from spondyl.datasets.download import download as fetch_dataset
    from spondyl.datasets.registry import SOURCES

    console, source = Console(markup=False, highlight=False), SOURCES[dataset]
    size = f", {source.size}" if source.size and not part else ""
    console.print(f"{source.title}{size}\nlicence: {source.licence}\npage: {source.page}", soft_wrap=True)
    with _bars(console) as progress:
        made = fetch_dataset(source, folder, parts=part, archives=from_, keep=keep, progress=progress)
    for path in made:
        console.print(f"ready: {path}", soft_wrap=True)


@contextmanager
def _bars(console: "Console") -> Iterator[Callable[[str, int, int | None], None]]:
    """A progress callback that shows one bar at a time, for whatever is going on."""
    from rich import progress as bars

    from spondyl.cli._progress import display

    columns = (
        bars.TextColumn("{task.description}"),
        bars.BarColumn(),
        bars.DownloadColumn(),
        bars.TransferSpeedColumn(),
        bars.TimeRemainingColumn(),
    )
    with display(*columns, console=console) as shown:
        tasks: dict[str, bars.TaskID] = {}

        def show(what: str, done: int, total: int | None) -> None:
            if what not in tasks:
                for old in tasks.values():
                    shown.remove_task(old)
                tasks.clear()
                tasks[what] = shown.add_task(what, total=total)
            shown.update(tasks[what], completed=done, total=total)

        yield show
