"""The reference's full algorithm on a whole data set: predict, compare, report in its words.

The numbers come from :mod:`spondyl.evaluation`; only the layout of the report is made here.
"""

import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from spondyl.anatomy import name_of
from spondyl.batch.scans import Failure
from spondyl.datasets import Case
from spondyl.errors import SpondylError
from spondyl.evaluation import Evaluation, match
from spondyl.inference import Pipeline
from spondyl.inference.tiling import Progress
from spondyl.outputs import write_outputs
from spondyl.spine import Spine
from spondyl.volume import Grid

__all__ = ["Measured", "measure_cases", "report_lines", "summary_lines"]

logger = logging.getLogger(__name__)

_REGIONS: Final = ("cervical", "thoracic", "lumbar")


@dataclass(frozen=True, eq=False)
class Measured:
    """One scan, predicted and compared.

    Attributes:
        case: The scan.
        grid: Of the scan, as stored on disk.
        truth: The annotation, without its mask.
        predicted: What was found, without its mask.
    """

    case: Case
    grid: Grid
    truth: Spine
    predicted: Spine


def measure_cases(
    cases: Iterable[Case],
    pipeline: Pipeline,
    out: Path,
    *,
    save_predictions: bool = False,
    progress: Callable[[str], Progress] | None = None,
) -> Iterator[Measured | Failure]:
    """Predict every annotated scan; each result is on disk before the next scan is read.

    Args:
        cases: Annotated scans.
        pipeline: What to apply.
        out: ``out/NAME/result.json`` is written per scan; an earlier one is replaced.
        save_predictions: Also write the mask, the centroids and a preview.
        progress: Asked for each scan's progress callback by its name.

    Yields:
        One item per scan, as soon as it is done; a bad one is reported and skipped.
    """
    for case in cases:
        try:
            volume, truth = case.load()
            spine = pipeline(volume, progress=None if progress is None else progress(case.name))
            write_outputs(
                spine,
                volume,
                out / case.name,
                file=case.image,
                only_result=not save_predictions,
                overwrite=True,
            )
            yield Measured(case, volume.grid, replace(truth, mask=None), replace(spine, mask=None))
        except SpondylError as error:
            yield Failure(case.image, str(error))
        except Exception as error:  # one strange scan must not cost the results of the others
            logger.exception("%s failed unexpectedly", case.image)
            yield Failure(case.image, f"{case.image}: failed unexpectedly: {type(error).__name__}: {error}")


def report_lines(number: int, measured: Measured) -> Iterator[str]:
    """What the reference prints about one scan, in its words and order.

    Positions are those of an ``.lml`` file: mm from the first voxel along the image's own axes.

    Args:
        number: Of the scan in the data set, from 0.
        measured: The scan.
    """
    yield f"{number} {measured.case.image}"
    yield from _algorithm_lines(measured.predicted)
    table = match(measured.truth, measured.predicted)
    for row in table.true:
        near = row.nearest_predicted if table.within(row.nearest_predicted_mm) else None
        yield name_of(row.label) if near is None else f"{name_of(row.label)} {name_of(near)}"
    errors = {row.label: row.error_mm for row in table.true if row.error_mm is not None}
    for label in (label for label in measured.predicted.labels if label in errors):
        true, found = (
            _image_mm(spine[label].centroid_mm, measured.grid)
            for spine in (measured.truth, measured.predicted)
        )
        yield f"{name_of(label)} {true} {found}"
    yield f"average {sum(errors.values()) / len(errors):.2f}" if errors else "average: no level in common"


def summary_lines(evaluation: Evaluation) -> Iterator[str]:
    """The four lines at the end of the reference's report.

    Args:
        evaluation: Of all scans. Its id rate by the reference program's definition is shown, and
            the mean and (population) standard deviation of the localization error in mm.
    """
    parts = {"All": evaluation.summary}
    parts |= {name.capitalize(): evaluation.regions.get(name, {}) for name in _REGIONS}
    for name, scores in parts.items():
        rate, mean, std = (
            scores[key].value if key in scores else None
            for key in ("id_rate_reference", "localization_mean", "localization_std")
        )
        if rate is None:
            yield f"{name} Id rate: none annotated"
        else:
            error = "mean: - std: -" if mean is None or std is None else f"mean: {mean:.2f} std: {std:.2f}"
            yield f"{name} Id rate: {100 * rate:.1f}% {error}"


def _algorithm_lines(predicted: Spine) -> Iterator[str]:
    """The steps, their sizes and the voxel counts; what another recipe does not report is left out."""
    yield "apply detection"
    tiling = predicted.provenance.get("tiling")
    if tiling:
        patch, step = (" ".join(str(n) for n in tiling[key]) for key in ("patch", "step"))
        yield f"[{patch}] [{step}] {tuple(tiling['shape'])} {tuple(tiling['padded_shape'])}"
    yield from ("finished detection", "apply identification", "finished identification")
    yield from ("finished multiplying", "start aggregating", "finish aggregating", "start averages")
    yield from (f"{name} {count}" for name, count in predicted.provenance.get("voxel_counts", {}).items())
    yield "finish averages"


def _image_mm(point_mm: tuple[float, float, float], grid: Grid) -> str:
    """A point as in an ``.lml`` file: voxel index x spacing."""
    values = grid.to_voxel(point_mm) * grid.spacing_mm
    return "[" + " ".join(f"{value:.1f}" for value in values) + "]"
