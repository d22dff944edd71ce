"""``spondyl phantom``: make synthetic spine CTs."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from spondyl.phantom.options import ORDINARY, PhantomOptions

__all__ = ["phantom"]


def phantom(
    out: Path,
    /,
    *,
    count: Annotated[int, Parameter(name=["-n", "--count"])] = 1,
    seed: int = 1,
    options: Annotated[PhantomOptions, Parameter(name="*")] = ORDINARY,
) -> None:
    """Make synthetic spine CTs with exact centroids and masks.

    Writes NAME.nii.gz, NAME.lml, NAME_seg-vert_msk.nii.gz and NAME.json (body heights, angles,
    fractures) per phantom.

    Args:
        out: Folder to write to.
        count: How many phantoms.
        seed: The same seed gives the same phantoms.
        options: What they shall show.
    """
    from rich.console import Console

    from spondyl.cli._progress import display
    from spondyl.phantom import write_phantoms

    console = Console(markup=False, highlight=False)
    with display(console=console) as bar:
        task = bar.add_task("phantoms", total=count)
        write_phantoms(out, count, seed, options, progress=lambda done, _: bar.update(task, completed=done))
    console.print(f"{count} phantom{'s' * (count != 1)} in {out}", soft_wrap=True)
