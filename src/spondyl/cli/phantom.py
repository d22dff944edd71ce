"""``spondyl phantom``: make synthetic spine CTs."""

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

__all__ = ["phantom"]


def phantom(
    out: Path,
    /,
    *,
    count: Annotated[int, Parameter(name=["-n", "--count"])] = 1,
    seed: int = 1,
    levels: tuple[str, str] | None = None,
    centre: str | None = None,
    field_of_view: tuple[float, float, float] = (160, 180, 320),
    spacing: tuple[float, float, float] = (1, 1, 1),
    slice_thickness: float | None = None,
    orientation: str = "LPS",
    scoliosis: float = 0,
    fractures: int = 0,
    metal: bool = False,
    contrast: bool = False,
    anomaly: Literal["none", "t13", "l6", "no_t12", "no_l5"] = "none",
    noise: float = 14,
    table: bool = True,
    age: float | None = None,
    hard: bool = False,
) -> None:
    """Make synthetic spine CTs with exact centroids and masks.

    Writes NAME.nii.gz, NAME.lml, NAME_seg-vert_msk.nii.gz and NAME.json (heights, angles, fractures) per phantom.

    Args:
        out: Folder to write to.
        count: How many phantoms.
        seed: The same seed gives the same phantoms.
        levels: First and last vertebra to show, e.g. `T10 L5`.
        centre: Vertebra at mid-height; drawn at random when neither it nor the levels are given.
        field_of_view: Size right-left, back-front, foot-head in mm.
        spacing: Voxel size right-left, back-front, foot-head in mm.
        slice_thickness: Height over which a slice averages, in mm (default: the slice spacing).
        orientation: Direction in which each stored axis grows.
        scoliosis: Cobb angle in degrees.
        fractures: Number of compressed vertebrae.
        metal: Pedicle screws and rods, or a cage, with streaks.
        contrast: Contrast medium in vessels and kidneys.
        anomaly: A thirteenth thoracic, a sixth lumbar, or one vertebra fewer.
        noise: Standard deviation of the noise in HU.
        table: Show the table the patient lies on.
        age: Patient's age in years (default: drawn).
        hard: Draw all of these difficulties at random.
    """
    from rich.console import Console
    from rich.progress import Progress

    from spondyl.phantom import PhantomOptions, write_phantoms

    options = PhantomOptions(
        levels, centre, field_of_view, spacing, slice_thickness, orientation,
        scoliosis, fractures, metal, contrast, anomaly, noise, table, age, hard,
    )  # fmt: skip
    console = Console()
    with Progress(console=console, transient=True) as bar:
        task = bar.add_task("phantoms", total=count)
        write_phantoms(out, count, seed, options, progress=lambda done, _: bar.update(task, completed=done))
    console.print(f"{count} phantoms in {out}")
