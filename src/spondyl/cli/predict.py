"""``spondyl predict``: find, name and segment the vertebrae of scans."""

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter, validators

if TYPE_CHECKING:
    from rich.console import Console

    from spondyl.inference.batch import Failure, Outcome, Scan
    from spondyl.inference.tiling import Progress
    from spondyl.models import Model

__all__ = ["predict"]


def predict(  # noqa: PLR0913 - options of a command
    *inputs: Path,
    output: Annotated[Path, Parameter(name=["-o", "--output"])],
    outputs: str = "",
    model: Path | None = None,
    detection: Path | None = None,
    identification: Path | None = None,
    engine: Literal["auto", "openvino", "onnxruntime", "torch"] = "auto",
    precision: Literal["f32", "bf16"] = "f32",
    threads: Annotated[int | None, Parameter(validator=validators.Number(gte=1))] = None,
    overwrite: Annotated[bool, Parameter(negative=())] = False,
    json_: Annotated[bool, Parameter(name="--json", negative=())] = False,
) -> int:
    """Find, name and segment every vertebra in CT scans.

    Writes OUTPUT/NAME/ per scan: result.json, centroids.json, mask.nii.gz and preview.png.
    Exit code 0: all scans done; 1: some could not be used; 2: none could.

    Args:
        inputs: Scans, and folders of scans.
        output: Folder for the results.
        outputs: Further files per scan, with commas between: nrrd, totalsegmentator, mrk, csv, lml, stl,
            ply, gltf.
        model: Model folder (default: the one that comes with Spondyl).
        detection: Model folder of the detection stage alone; goes with --identification.
        identification: Model folder of the identification stage alone.
        engine: What runs the networks.
        precision: bf16 is about twice as fast where the processor knows it, and less exact.
        threads: CPU threads (default: all).
        overwrite: Replace earlier results.
        json_: Print a summary for programs, and nothing else, to the standard output.
    """
    from spondyl.export import chosen_formats
    from spondyl.inference import load_pipeline
    from spondyl.inference.batch import find_scans, predict_scans
    from spondyl.io.atomic import check_writable

    check_writable(output)
    also = chosen_formats(outputs)
    console = _console(quiet=json_)
    scans, problems = find_scans(inputs)
    outcomes: list[Outcome | Failure] = [*problems]
    if scans:
        pipeline = load_pipeline(
            choose_model(model, detection, identification),
            engine=engine,
            threads=threads,
            precision=precision,
        )
        with scan_bars(len(scans)) as progress:
            for outcome in predict_scans(
                scans, output, pipeline, also=also, overwrite=overwrite, progress=progress
            ):
                outcomes.append(outcome)
                show_outcome(console, outcome)
    return _finish(outcomes, problems, json_)


def choose_model(
    model: Path | None, detection: Path | None, identification: Path | None
) -> "Path | Model | None":
    """The model that the options name.

    Raises:
        InputError: options that do not go together.
        ModelError: two stages that do not fit together.
    """
    from spondyl.errors import InputError
    from spondyl.models import combine, read_model

    if detection is None and identification is None:
        return model
    if model is not None or detection is None or identification is None:
        raise InputError("give either --model, or both --detection and --identification")
    return combine(read_model(detection), read_model(identification))


@contextmanager
def scan_bars(count: int) -> "Iterator[Callable[[Scan], Progress]]":
    """Progress bars on the standard error: all scans, and the pieces of the scan at work."""
    from rich import progress as bars
    from rich.console import Console

    columns = (
        bars.TextColumn("{task.description}"),
        bars.BarColumn(),
        bars.MofNCompleteColumn(),
        bars.TimeElapsedColumn(),
    )
    # Without a terminal on the standard output, rich must not carry it over to the standard error.
    with bars.Progress(
        *columns, console=Console(stderr=True), transient=True, redirect_stdout=sys.stdout.isatty()
    ) as display:
        overall = display.add_task("scans", total=count)
        current = display.add_task("", total=None)
        begun: list[Scan] = []

        def begin(scan: "Scan") -> "Progress":
            display.update(overall, completed=len(begun))
            display.reset(current, description=scan.name, total=None)
            begun.append(scan)
            return lambda done, total: display.update(current, completed=done, total=total)

        yield begin


def show_outcome(console: "Console", outcome: "Outcome | Failure") -> None:
    """One scan: a table of its vertebrae, or what was wrong with it (on the standard error)."""
    from rich.table import Table

    from spondyl.inference.batch import Failure

    if isinstance(outcome, Failure):
        sys.stderr.write(f"spondyl: {outcome.message}\n")
        return
    title = f"{outcome.scan.name}: {len(outcome.spine)} vertebrae in {outcome.seconds:.1f} s"
    table = Table("vertebra", title=title, title_justify="left", title_style="bold")
    for heading in ("x mm", "y mm", "z mm", "probability"):
        table.add_column(heading, justify="right")
    for vertebra in outcome.spine:
        sure = "–" if vertebra.probability is None else f"{vertebra.probability:.0%}"
        table.add_row(vertebra.name, *(f"{value:.1f}" for value in vertebra.centroid_mm), sure)
    console.print(table if len(outcome.spine) else f"[bold]{title}[/]", highlight=False)
    about: dict[str, list[str]] = {flag.message: [] for flag in outcome.spine.flags}
    for vertebra in outcome.spine:
        for flag in vertebra.flags:
            about.setdefault(flag.message, []).append(vertebra.name)
    for message, names in about.items():
        console.print(
            ": ".join([*filter(None, [", ".join(names)]), message]), highlight=False, soft_wrap=True
        )
    console.print(f"files: {outcome.folder}\n", highlight=False, soft_wrap=True)


def _console(*, quiet: bool) -> "Console":
    from rich.console import Console

    return Console(quiet=quiet)


def _finish(outcomes: "list[Outcome | Failure]", problems: "list[Failure]", as_json: bool) -> int:
    """Report what went wrong before any scan was read, print the summary, give the exit code."""
    from spondyl.inference.batch import Failure

    for problem in problems:
        sys.stderr.write(f"spondyl: {problem.message}\n")
    if not outcomes:
        sys.stderr.write("spondyl: no input given; name scans or folders of scans\n")
    if as_json:
        sys.stdout.write(json.dumps(_summary(outcomes), indent=2) + "\n")
    failed = [outcome for outcome in outcomes if isinstance(outcome, Failure)]
    if len(failed) == len(outcomes):
        return 2
    return 1 if failed else 0


def _summary(outcomes: "list[Outcome | Failure]") -> dict[str, Any]:
    """What ``--json`` prints; documented in docs/predict.md."""
    import spondyl
    from spondyl.inference.batch import Failure

    done = [outcome for outcome in outcomes if not isinstance(outcome, Failure)]
    failed = [outcome for outcome in outcomes if isinstance(outcome, Failure)]
    return {
        "schema_version": 1,
        "program": {"name": "spondyl", "version": spondyl.__version__},
        "results": [
            {
                "name": outcome.scan.name,
                "input": str(outcome.scan.path),
                "folder": str(outcome.folder),
                "seconds": round(outcome.seconds, 3),
                "result": outcome.result.model_dump(mode="json"),
            }
            for outcome in done
        ],
        "failed": [{"input": str(failure.path), "error": failure.message} for failure in failed],
    }
