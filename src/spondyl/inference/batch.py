"""Many scans, one after the other: a bad one is reported and skipped, the others finish."""

import logging
import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from spondyl.errors import SpondylError
from spondyl.inference import Pipeline
from spondyl.inference.tiling import Progress
from spondyl.outputs import check_free, write_outputs
from spondyl.result import Result
from spondyl.spine import Spine

__all__ = ["Failure", "Outcome", "Scan", "find_scans", "predict_scans"]

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Scan:
    """A scan to be read.

    Attributes:
        name: Of its folder of results; unique among the scans found together.
        path: The image.
    """

    name: str
    path: Path


@dataclass(frozen=True)
class Failure:
    """Something that could not be used.

    Attributes:
        path: The scan, or the folder that holds none.
        message: Why, and what to do.
    """

    path: Path
    message: str


@dataclass(frozen=True)
class Outcome:
    """A scan that was processed.

    Attributes:
        scan: The scan.
        folder: Where its files lie.
        spine: What was found; without its mask, which lies on disk.
        result: What ``result.json`` holds.
        seconds: From reading to writing.
    """

    scan: Scan
    folder: Path
    spine: Spine
    result: Result
    seconds: float


def find_scans(inputs: Iterable[Path | str]) -> tuple[list[Scan], list[Failure]]:
    """All scans in files and folders, in the order given; a scan named twice is taken once.

    Scans of the same name are told apart by the names of their folders: ``a/ct.nii.gz`` and
    ``b/ct.nii.gz`` become ``a_ct`` and ``b_ct``.

    Args:
        inputs: Image files, and folders that are searched with their sub-folders.

    Returns:
        The scans, and the inputs in which none was found.
    """
    found: dict[Path, Scan] = {}
    failures = []
    for path in map(Path, inputs):
        try:
            scans = _look_into(path)
        except SpondylError as error:
            failures.append(Failure(path, str(error)))
            continue
        for scan in scans:
            found.setdefault(scan.path.resolve(), scan)
    return _told_apart(list(found.values())), failures


def predict_scans(
    scans: Iterable[Scan],
    out: Path | str,
    pipeline: Pipeline,
    *,
    also: Sequence[str] = (),
    overwrite: bool = False,
    progress: Callable[[Scan], Progress] | None = None,
) -> Iterator[Outcome | Failure]:
    """Predict scan by scan and write each result before the next scan is read.

    Args:
        scans: From :func:`find_scans`.
        out: Every scan gets the folder ``out/NAME``.
        pipeline: What to apply.
        also: Further kinds of files, keys of :data:`spondyl.export.FORMATS`.
        overwrite: Replace earlier results.
        progress: Asked for each scan's progress callback when the scan begins.

    Yields:
        One item per scan, as soon as it is done.
    """
    for scan in scans:
        try:
            tell = None if progress is None else progress(scan)
            yield _predict(
                scan, Path(out) / scan.name, pipeline, also=also, overwrite=overwrite, progress=tell
            )
        except SpondylError as error:
            yield Failure(scan.path, str(error))
        except MemoryError:
            yield Failure(scan.path, f"{scan.path}: not enough memory for this scan; crop it to the spine")
        except Exception as error:  # one strange scan must not end a night's work
            logger.exception("%s failed unexpectedly", scan.path)
            yield Failure(scan.path, f"{scan.path}: failed unexpectedly: {type(error).__name__}: {error}")


def _predict(
    scan: Scan,
    folder: Path,
    pipeline: Pipeline,
    *,
    also: Sequence[str],
    overwrite: bool,
    progress: Progress | None,
) -> Outcome:
    from spondyl.io import read_image

    check_free(folder, overwrite=overwrite)
    start = time.perf_counter()
    volume = read_image(scan.path)
    read = time.perf_counter() - start
    spine = pipeline(volume, progress=progress)
    timings = {"read": round(read, 4), **spine.provenance.get("timings_s", {})}
    spine = replace(spine, provenance={**spine.provenance, "timings_s": timings})
    result = write_outputs(spine, volume, folder, file=scan.path, also=also, overwrite=overwrite)
    seconds = time.perf_counter() - start
    return Outcome(scan, folder, replace(spine, mask=None), result, seconds)


def _look_into(path: Path) -> list[Scan]:
    """The scans that one argument of the user means; a file is believed to be one."""
    if not os.path.isdir(path):  # noqa: PTH112 - Path.is_dir raises where the parent cannot be looked into
        return [Scan(_stem(path), path)]
    from spondyl.datasets import find_cases

    return [Scan(case.name, case.image) for case in find_cases(path, annotated=False)]


def _stem(path: Path) -> str:
    """The file's name without the suffixes that say its format."""
    name = path.name.removesuffix(".gz")
    for suffix in (".nii", ".mha", ".mhd", ".nrrd"):
        name = name.removesuffix(suffix)
    return name or path.name


def _told_apart(scans: Sequence[Scan]) -> list[Scan]:
    """The same scans with unique names, whatever the file system thinks of upper and lower case."""
    names = [scan.name for scan in scans]
    folders = [list(scan.path.resolve().parent.parts[1:]) for scan in scans]
    while clashing := _clashes(names):
        for place in clashing:
            parent = folders[place].pop() if folders[place] else str(place + 1)
            names[place] = f"{parent}_{names[place]}"
    return [replace(scan, name=name) for scan, name in zip(scans, names, strict=True)]


def _clashes(names: Sequence[str]) -> list[int]:
    """Places of the names that occur more than once."""
    folded = [name.casefold() for name in names]
    return [place for place, name in enumerate(folded) if folded.count(name) > 1]
