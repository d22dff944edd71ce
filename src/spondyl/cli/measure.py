"""``spondyl measure``: the reference's full algorithm on annotated scans, with its report."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter, validators

if TYPE_CHECKING:
    from spondyl.inference.measure import Measured

__all__ = ["measure"]


def measure(  # noqa: PLR0913 - options of a command
    dataset: Path,
    detection: Path | None = None,
    identification: Path | None = None,
    /,
    *,
    output: Annotated[Path, Parameter(name=["-o", "--output"])] = Path("measurements"),
    plots: Path = Path("plots"),
    save_predictions: Annotated[bool, Parameter(negative=())] = False,
    engine: Literal["auto", "openvino", "onnxruntime", "torch"] = "auto",
    precision: Literal["f32", "bf16"] = "f32",
    threads: Annotated[int | None, Parameter(validator=validators.Number(gte=1))] = None,
) -> int:
    """Predict every annotated scan of a data set and report how well it went.

    Prints the report of the reference program, draws boxplot.png into the plots folder, and writes
    OUTPUT/NAME/result.json as each scan finishes and OUTPUT/evaluation.json at the end.
    Exit code 0: all scans measured; 1: some could not be used; 2: none could.

    Args:
        dataset: Folder of annotated scans.
        detection: Model folder with the detection network, or with both (default: the model that
            comes with Spondyl).
        identification: Model folder with the identification network.
        output: Folder for the results.
        plots: Folder for the box plot.
        save_predictions: Also write mask.nii.gz, centroids.json and preview.png per scan.
        engine: What runs the networks.
        precision: bf16 saves about a quarter of the time where the processor knows it, and is less exact.
        threads: CPU threads (default: all).
    """
    from spondyl.batch.job import choose_model
    from spondyl.batch.scans import Failure
    from spondyl.cli._progress import case_bars
    from spondyl.datasets import find_cases
    from spondyl.inference import load_pipeline
    from spondyl.inference.measure import measure_cases, report_lines
    from spondyl.io.atomic import check_writable

    check_writable(output, plots)
    cases = find_cases(dataset)
    model = choose_model([folder for folder in (detection, identification) if folder is not None])
    pipeline = load_pipeline(model, engine=engine, threads=threads, precision=precision, measurements=False)
    measured: list[Measured] = []
    with case_bars(len(cases)) as progress:
        done = measure_cases(cases, pipeline, output, save_predictions=save_predictions, progress=progress)
        for number, item in enumerate(done):
            if isinstance(item, Failure):
                sys.stderr.write(f"spondyl: {item.message}\n")
            else:
                measured.append(item)
                _print("", *report_lines(number, item))
    _conclude(measured, output, plots)
    if len(measured) < len(cases):
        sys.stderr.write(
            f"spondyl: {len(cases) - len(measured)} of {len(cases)} scans could not be measured\n"
        )
    return 0 if len(measured) == len(cases) else 1 if measured else 2


def _conclude(measured: "list[Measured]", output: Path, plots: Path) -> None:
    """Evaluate all scans together: four lines, one picture, one file."""
    if not measured:
        return
    from spondyl.evaluation import evaluate
    from spondyl.inference.measure import summary_lines
    from spondyl.report.boxplot import boxplot

    evaluation = evaluate((item.case.name, item.truth, item.predicted) for item in measured)
    evaluation.to_json(output / "evaluation.json")
    boxplot(evaluation, plots / "boxplot.png")
    _print("", *summary_lines(evaluation))


def _print(*lines: str) -> None:
    sys.stdout.write("\n".join(lines) + "\n")
    sys.stdout.flush()
