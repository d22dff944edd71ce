"""``spondyl samples``: training samples from annotated scans."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import App, Parameter, validators

if TYPE_CHECKING:
    from spondyl.samples import ScanOutcome

__all__ = ["samples"]

samples = App(name="samples", help="Make training samples from annotated scans.")

Count = Annotated[int | None, Parameter(name="--samples-per-scan")]
Workers = Annotated[int, Parameter(validator=validators.Number(gte=1))]


@samples.command
def detection(
    dataset: Path,
    out: Path,
    /,
    *,
    recipe: str = "spinefinder",
    samples_per_scan: Count = None,
    seed: int | None = None,
    workers: Workers = 1,
) -> None:
    """Boxes of 64 x 64 x 80 mm, each voxel labelled vertebra or not.

    Args:
        dataset: Folder with annotated scans, in any supported layout.
        out: Folder for NAME-1-sample.npy and NAME-1-labelling.npy; made when missing.
        recipe: YAML file with what differs from the reference.
        samples_per_scan: How many boxes are cut from each scan (reference: 5).
        seed: Another seed, other samples (reference: 1).
        workers: Processes that work at the same time.
    """
    from spondyl.samples.detection import make_detection_samples

    _make("detection", make_detection_samples, dataset, out, recipe, samples_per_scan, seed, workers)


@samples.command
def identification(
    dataset: Path,
    out: Path,
    /,
    *,
    recipe: str = "spinefinder",
    samples_per_scan: Count = None,
    seed: int | None = None,
    workers: Workers = 1,
) -> None:
    """Sagittal slabs of 8 x 80 x 320 mm, with the level of each pixel of the fifth slice.

    Args:
        dataset: Folder with annotated scans, in any supported layout.
        out: Folder for NAME-1-sample.npy and NAME-1-labelling.npy; made when missing.
        recipe: YAML file with what differs from the reference.
        samples_per_scan: How many slabs are cut from each scan (reference: 100).
        seed: Another seed, other samples (reference: 1).
        workers: Processes that work at the same time.
    """
    from spondyl.samples.identification import make_identification_samples

    _make(
        "identification", make_identification_samples, dataset, out, recipe, samples_per_scan, seed, workers
    )


def _make(
    stage: str,
    make: Callable[..., "list[ScanOutcome]"],
    dataset: Path,
    out: Path,
    recipe_name: str,
    count: int | None,
    seed: int | None,
    workers: int,
) -> None:
    """Run one of the makers with a progress bar and say what came out."""
    from rich.console import Console

    from spondyl.cli._progress import display
    from spondyl.cli._recipes import spinefinder_recipe
    from spondyl.io.atomic import check_writable

    check_writable(out)
    changes: dict[str, Any] = {"seed": seed, stage: {"samples_per_scan": count}}
    recipe = spinefinder_recipe(recipe_name, changes)
    console = Console(markup=False, highlight=False)
    with display(console=console) as bars:
        bar = bars.add_task("scans", total=None)

        def show(done: int, total: int) -> None:
            bars.update(bar, completed=done, total=total)

        outcomes = make(dataset, out, recipe, workers=workers, progress=show)
    made = sum(outcome.made for outcome in outcomes)
    scans = f"{len(outcomes)} scan{'s' * (len(outcomes) != 1)}"
    console.print(f"{made} samples of {scans} in {out}", soft_wrap=True)
    for outcome in outcomes:
        if outcome.remark:
            console.print(f"  {outcome.name}: {outcome.remark}", soft_wrap=True)
