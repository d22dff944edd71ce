"""``spondyl evaluate``: predictions against the truth."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter, validators

if TYPE_CHECKING:
    from spondyl.evaluation import Evaluation

__all__ = ["evaluate"]

NotNegative = Annotated[int, Parameter(validator=validators.Number(gte=0))]
Positive = Annotated[float, Parameter(validator=validators.Number(gt=0))]


def evaluate(  # noqa: PLR0913 - options of a command
    predictions: Path,
    truth: Path,
    /,
    *,
    bootstrap: NotNegative = 1000,
    seed: int = 1,
    limit_mm: Positive = 20.0,
    nsd_tolerance_mm: Positive = 3.0,
    worst: NotNegative = 5,
    json: Path | None = None,
    csv: Path | None = None,
    plots: Path | None = None,
) -> None:
    """Compare predictions with annotated scans: every published metric, named and defined.

    A scan of the truth without a prediction counts as missed, with all its vertebrae, and is named.

    Args:
        predictions: Folder written by ``spondyl predict``, or any folder with centroid files or
            masks named after the scans.
        truth: Data set with centroids or masks, in any known layout.
        bootstrap: Resamples over scans for the 95 % intervals; 0 for none.
        seed: Of the bootstrap.
        limit_mm: How far a found vertebra may lie from the true one.
        nsd_tolerance_mm: Tolerance of the normalised surface Dice.
        worst: How many of the worst scans to list.
        json: Write everything to this file, the matching tables included.
        csv: Write all numbers to this file, and one row per vertebra to ``NAME-vertebrae.csv``.
        plots: Draw box plot, confusion matrix, histogram and calibration into this folder.
    """
    from spondyl.cli._progress import tracked
    from spondyl.datasets import find_cases
    from spondyl.evaluation import evaluate as measure
    from spondyl.evaluation.loading import Predictions, load_pairs
    from spondyl.io.atomic import check_writable

    check_writable(*(path.parent for path in (json, csv) if path), *([plots] if plots else []))
    cases, found = find_cases(truth), Predictions(predictions)
    result = measure(
        tracked(load_pairs(found, cases), "comparing", len(cases)),
        limit_mm=limit_mm,
        nsd_tolerance_mm=nsd_tolerance_mm,
        resamples=bootstrap,
        seed=seed,
    )
    _refuse_strangers(result, predictions, truth)
    if json:
        result.to_json(json)
    if csv:
        result.to_csv(csv)
        result.to_vertebra_csv(csv.with_name(f"{csv.stem}-vertebrae.csv"))
    if plots:
        _draw(result, plots)
    _print(result, worst, sorted(set(found.names) - {case.name for case in cases}))


def _refuse_strangers(result: "Evaluation", predictions: Path, truth: Path) -> None:
    """One missing prediction is a missed scan; all of them missing is the wrong folder."""
    from spondyl.errors import DatasetError

    missing = result.missing_scans
    if len(missing) == len(result.scans):
        raise DatasetError(
            f"{predictions}: holds no prediction of any scan in {truth}; expected {missing[0]}/result.json,"
            f" or files named after the scans such as {missing[0]}.lml"
        )


def _draw(result: "Evaluation", folder: Path) -> None:
    from spondyl.report.boxplot import boxplot
    from spondyl.report.confusion import confusion
    from spondyl.report.histogram import histogram
    from spondyl.report.reliability import reliability_diagram

    boxplot(result, folder / "boxplot.png")
    confusion(result, folder / "confusion.png")
    histogram(result, folder / "histogram.png")
    if result.summary["calibration_error"].value is not None:
        reliability_diagram(result, folder / "calibration.png")


def _print(result: "Evaluation", worst: int, unknown: list[str]) -> None:
    from rich.console import Console
    from rich.text import Text

    from spondyl.cli._evaluation_tables import definitions, parts_table, summary_table, worst_table

    console = Console(markup=False, highlight=False)
    console.print(definitions(result), end="\n\n")
    console.print(summary_table(result))
    console.print(parts_table(result, "per region", result.regions))
    console.print(parts_table(result, "per level", result.levels))
    if worst:
        console.print(worst_table(result, worst))
    if result.missing_scans:
        names = ", ".join(result.missing_scans)
        console.print(Text.assemble(("no prediction, all vertebrae missed:", "red"), f" {names}"))
    if unknown:
        console.print(f"not in the truth, ignored: {', '.join(unknown)}")
