"""The training cases of the ``spondyl`` recipe: real scans and phantoms, prepared once and kept."""

import hashlib
import logging
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

from spondyl.datasets import Case, find_cases
from spondyl.errors import DatasetError, InputError, SampleError
from spondyl.phantom import PhantomOptions, make_phantom
from spondyl.phantom.options import Anomaly
from spondyl.samples.making import told_if_killed
from spondyl.training.corpus import TrainingCase, prepare_case, read_case, write_case

__all__ = ["level_weights", "prepare_dataset", "prepare_phantoms"]

logger = logging.getLogger(__name__)

_VERSION = 2  # raise it when prepare_case changes, so that stored cases are made again
_CENTRES = ("C4", "T2", "T6", "T9", "T12", "L2", "L3", "L4")
_RARE = 0.25  # far more often than in life: no scan at hand shows any, and they must be learnt from something
_RARE_CENTRES = ("T9", "T11", "L1", "L2", "L3", "L4")  # where a T13, an L6 or a missing level shows

Told = Callable[[int, int], None]


def prepare_dataset(
    folder: Path | str,
    store: Path,
    spacing_mm: float = 2.0,
    workers: int = 0,
    on_progress: Told | None = None,
) -> list[TrainingCase]:
    """All annotated scans of a data set, prepared; what was prepared before is read.

    A scan that cannot be used is logged and left out.

    Args:
        folder: A data set in any known layout.
        store: Folder for the prepared cases.
        spacing_mm: Of the prepared arrays.
        workers: Processes; 0 works in this one.
        on_progress: Called with cases done and their number.

    Raises:
        DatasetError: the folder holds no annotated scan, or none that can be used.
        OutputError: the prepared cases cannot be written.
        WorkerError: a process was killed.
    """
    jobs = []
    for case in find_cases(folder):
        try:
            jobs.append((_scan_path(case, store, spacing_mm), case))
        except OSError as error:  # e.g. a link to a file that was not fetched
            logger.warning("left out: %s: %s", error.filename or case.image, error.strerror)
    return _prepare(partial(_prepare_scan, spacing_mm), jobs, workers, on_progress)


def prepare_phantoms(
    count: int,
    seed: int,
    store: Path,
    spacing_mm: float = 2.0,
    workers: int = 0,
    on_progress: Told | None = None,
) -> list[TrainingCase]:
    """Phantoms with hard options, prepared; ``count`` of them from ``seed`` on."""
    jobs = [
        (store / f"v{_VERSION}-{spacing_mm:g}mm-phantom-{seed + n:06d}.npz", seed + n) for n in range(count)
    ]
    return _prepare(partial(_prepare_phantom, spacing_mm), jobs, workers, on_progress)


def level_weights(cases: Sequence[TrainingCase]) -> list[float]:
    """How often to draw each case, so that rare levels are seen as often as common ones."""
    present = np.array([np.isfinite(case.centroids_mm[:, 0]) for case in cases])
    rarity = 1 / np.maximum(present.sum(axis=0), 1)
    return [float((row * rarity).sum()) for row in present]


def _scan_path(case: Case, store: Path, spacing_mm: float) -> Path:
    """Where a prepared scan is kept: the name changes when one of its files does."""
    files = [path for path in (case.image, case.centroids, case.mask) if path is not None]
    files += sorted(case.masks.iterdir()) if case.masks is not None else []
    marks = "|".join(f"{path.resolve()}:{path.stat().st_size}:{path.stat().st_mtime_ns}" for path in files)
    return (
        store
        / f"v{_VERSION}-{spacing_mm:g}mm-{case.name}-{hashlib.sha256(marks.encode()).hexdigest()[:12]}.npz"
    )


def _prepare_scan(spacing_mm: float, path: Path, case: Case) -> None:
    image, spine = case.load()
    write_case(prepare_case(case.name, image, spine, spacing_mm=spacing_mm), path)


def _prepare_phantom(spacing_mm: float, path: Path, seed: int) -> None:
    rng = np.random.default_rng([seed, 7])
    height_mm = float(rng.uniform(280, 560)) * min(spacing_mm / 2, 1)  # finer stages have smaller patches
    size_mm = (float(rng.uniform(150, 280)), float(rng.uniform(170, 250)), height_mm)
    anomaly: Anomaly = (
        ("t13", "l6", "no_t12", "no_l5")[int(rng.integers(4))] if rng.random() < _RARE else "none"
    )
    options = PhantomOptions(
        hard=bool(rng.random() < 0.8),
        spacing_mm=(spacing_mm,) * 3 if rng.random() < 0.5 else (0.75 * spacing_mm,) * 2 + (spacing_mm,),
        field_of_view_mm=size_mm,
        centre=str(rng.choice(_CENTRES if anomaly == "none" else _RARE_CENTRES)),
        anomaly=anomaly,
    )
    phantom = make_phantom(seed, options)
    case = prepare_case(
        f"phantom-{seed:06d}", phantom.image, phantom.spine, phantom.tissues, spacing_mm=spacing_mm
    )
    write_case(case, path)


def _prepare(
    work: Callable[[Path, Any], None],
    jobs: Sequence[tuple[Path, Any]],
    workers: int,
    on_progress: Told | None,
) -> list[TrainingCase]:
    """Do the jobs whose file is missing, then read all files; a damaged one is made again."""
    missing = [job for job in jobs if not job[0].exists()]
    for done, error in enumerate(_run(work, missing, workers), start=1):
        if error is not None:
            logger.warning("left out: %s", error)
        if on_progress:
            on_progress(done, len(missing))
    cases = [case for job in jobs if job[0].exists() and (case := _read(work, job))]
    if not cases:
        raise DatasetError("none of the scans can be used for training; the warnings say why")
    return cases


def _read(work: Callable[[Path, Any], None], job: tuple[Path, Any]) -> TrainingCase | None:
    try:
        return read_case(job[0])
    except SampleError as error:
        logger.warning("made again: %s", error)
    if (reason := _attempt(work, job)) is not None:
        logger.warning("left out: %s", reason)
        return None
    return read_case(job[0])


def _run(
    work: Callable[[Path, Any], None], jobs: Sequence[tuple[Path, Any]], workers: int
) -> Iterator[InputError | None]:
    """The error each job ended with, as they end.

    Raises:
        OutputError: a prepared case cannot be written.
        WorkerError: a process was killed.
    """
    if workers == 0:
        for job in jobs:
            yield _attempt(work, job)
        return
    with told_if_killed(), ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        futures = [pool.submit(_attempt, work, job) for job in jobs]
        try:
            for future in as_completed(futures):
                yield future.result()
        finally:
            pool.shutdown(cancel_futures=True)  # with a full disk the others need not be tried


def _attempt(work: Callable[[Path, Any], None], job: tuple[Path, Any]) -> InputError | None:
    """A scan that cannot be used is left out; a full disk stays an error, or the data set would shrink."""
    try:
        work(*job)
    except InputError as error:
        return error
    return None
