"""``spondyl show``: the pictures of the reference system."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Parameter, validators

if TYPE_CHECKING:
    from spondyl.datasets import Case

__all__ = ["show"]

show = App(name="show", help="Draw detections, identifications and centroids.")

Out = Annotated[Path, Parameter(name=["--out", "-o"])]
Count = Annotated[int, Parameter(name=["--count", "-n"], validator=validators.Number(gte=1))]


@show.command
def detection(scan: Path, model: Path, /, *, out: Out = Path("detection.png")) -> None:
    """What one model detects on one scan.

    Args:
        scan: A CT.
        model: A model folder; one with the detection network alone will do.
        out: Picture to write.
    """
    from spondyl.cli._stages import detect
    from spondyl.io import read_image
    from spondyl.report.reference_pictures import detection_picture

    volume = read_image(scan)
    detection_picture(volume, detect(model, volume), out, title=scan.name)
    _tell(out)


@show.command
def identification(
    scan: Path, model: Path, /, *, detection: Path | None = None, out: Out = Path("identification.png")
) -> None:
    """Which level one model gives each voxel of one scan, in colours.

    Args:
        scan: A CT.
        model: A model folder; one with the identification network alone shows its answer everywhere.
        detection: Model folder of the detection stage; then only voxels it detects are shown.
        out: Picture to write.
    """
    from spondyl.cli._stages import identify
    from spondyl.io import read_image
    from spondyl.report.reference_pictures import identification_picture

    volume = read_image(scan)
    identification_picture(volume, identify(model, volume, detection), out, title=scan.name)
    _tell(out)


@show.command
def detections(
    dataset: Path, models: Sequence[Path], /, *, out: Out = Path("detections.png"), count: Count = 5
) -> None:
    """Detections of several models on several scans, as a grid.

    Args:
        dataset: Folder of scans, annotated or not.
        models: Model folders, one row each.
        out: Picture to write.
        count: How many scans to show, evenly picked.
    """
    from spondyl.cli._progress import tracked
    from spondyl.cli._stages import detect
    from spondyl.datasets import find_cases
    from spondyl.report.reference_pictures import detection_grid

    scans = {case.name: case.load_image() for case in pick(find_cases(dataset, annotated=False), count)}
    found = {
        name: [detect(model, scan) for scan in scans.values()]
        for name, model in zip(row_names(models), tracked(models, "detecting"), strict=True)
    }
    detection_grid(scans, found, out)
    _tell(out)


@show.command
def centroids(
    dataset: Path, predictions: Path, /, *, out: Out = Path("centroids.png"), count: Count = 5
) -> None:
    """True (white) and predicted (red) centroids on sagittal cuts, with the mean error below.

    Args:
        dataset: Annotated scans.
        predictions: Folder written by ``spondyl predict``, or a model folder to run now.
        out: Picture to write.
        count: How many scans to show, evenly picked.
    """
    from spondyl.cli._progress import tracked
    from spondyl.datasets import find_cases
    from spondyl.errors import DatasetError
    from spondyl.evaluation.loading import Predictions
    from spondyl.inference import load_pipeline
    from spondyl.report.reference_pictures import Compared, centroid_row
    from spondyl.spine import Spine

    is_model = (predictions / "model.json").is_file()
    pipeline, found = (
        (load_pipeline(predictions, measurements=False), None)
        if is_model
        else (None, Predictions(predictions))
    )
    cases = []
    for case in tracked(pick(find_cases(dataset), count), "comparing"):
        volume, truth = case.load()
        spine = pipeline(volume) if pipeline else found and found.load(case.name, volume.grid)
        cases.append((Compared(case.name, volume, truth, spine or Spine()), spine is not None))
    if not any(predicted for _, predicted in cases):
        raise DatasetError(f"{predictions}: holds no prediction of the scans in {dataset}, and is no model")
    centroid_row([compared for compared, _ in cases], out)
    _tell(out)


def _tell(out: Path) -> None:
    """Where the picture is, since it has a name without being asked for one."""
    sys.stdout.write(f"picture: {out}\n")


def row_names(models: "Sequence[Path]") -> list[str]:
    """Names of models: of each path the end, just so long that no two are alike."""
    from spondyl.datasets.files import distinct

    paths = [model.resolve() for model in models]
    for depth in range(1, max(len(path.parts) for path in paths)):
        names = ["/".join(path.parts[-depth:]) for path in paths]
        if len(set(names)) == len(names):
            return names
    return distinct(map(str, models))  # a folder was named twice


def pick(cases: "Sequence[Case]", count: int) -> "list[Case]":
    """At most ``count`` cases, evenly spread over the list."""
    if len(cases) <= count:
        return list(cases)
    return [cases[i * len(cases) // count] for i in range(count)]
