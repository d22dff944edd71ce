"""What making both kinds of samples shares: reading scans, in parallel, in any order."""

import logging
import zlib
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from spondyl.annotation import dense_annotation
from spondyl.datasets import Case, find_cases
from spondyl.errors import DatasetError, InputError, SampleError, WorkerError
from spondyl.recipes.spinefinder import SpinefinderRecipe
from spondyl.recipes.working import to_working
from spondyl.samples.files import remove_samples, unfinished, write_sample
from spondyl.spine import Spine
from spondyl.volume import Volume

__all__ = ["Drawer", "ScanOutcome", "draw_all", "make_samples", "prepare", "scan_rng", "told_if_killed"]

_log = logging.getLogger(__name__)

Sample = tuple[npt.NDArray[Any], npt.NDArray[np.uint8]]
Drawer = Callable[[Volume, Volume, Spine, SpinefinderRecipe, np.random.Generator], Iterator[Sample]]
"""Draws samples from a working volume, its dense annotation (VerSe numbers) and its spine."""


@dataclass(frozen=True)
class ScanOutcome:
    """What became of one scan.

    Attributes:
        name: Of the case.
        made: Number of samples written.
        remark: Why there are fewer than asked for; empty if all is well.
    """

    name: str
    made: int
    remark: str = ""


def make_samples(
    dataset: Path | str,
    out: Path | str,
    recipe: SpinefinderRecipe,
    draw: Drawer,
    wanted: int,
    *,
    workers: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> list[ScanOutcome]:
    """Make the samples of every annotated scan of a data set.

    What is drawn from a scan depends on the seed and its name alone, so neither the order nor the
    number of processes changes a bit. A scan that cannot be used is reported and skipped.

    Args:
        dataset: Folder in any layout :func:`spondyl.datasets.find_cases` knows.
        out: Folder for the samples; made when missing.
        recipe: Its constants.
        draw: Draws from one scan; a function of a module.
        wanted: Samples per scan that ``draw`` aims at.
        workers: Processes.
        progress: Called with scans done and scans in all.

    Returns:
        One outcome per scan, sorted by name.

    Raises:
        DatasetError: no annotated scans, or two of one name.
        SampleError: not a single sample could be made.
        OutputError: the samples cannot be written.
        WorkerError: a process was killed.
    """
    cases = find_cases(dataset)
    names = [case.name for case in cases]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise DatasetError(f"{dataset}: several scans are called {', '.join(twice)}; rename them")
    job = partial(_one_scan, out=Path(out), recipe=recipe, draw=draw, wanted=wanted)
    outcomes = []
    with unfinished(Path(out)):
        for outcome in _map(job, cases, min(workers, len(cases))):
            outcomes.append(outcome)
            if outcome.remark:
                _log.info("%s: %s", outcome.name, outcome.remark)
            if progress is not None:
                progress(len(outcomes), len(cases))
    if not any(outcome.made for outcome in outcomes):
        raise SampleError(
            f"{dataset}: not one sample could be made; {outcomes[0].name}: {outcomes[0].remark}"
        )
    return outcomes


def _map(job: Callable[[Case], ScanOutcome], cases: Iterable[Case], workers: int) -> Iterator[ScanOutcome]:
    if workers <= 1:
        yield from map(job, cases)
        return
    # spawn: a fork of a process with running threads (BLAS, torch) can hang.
    with told_if_killed(), ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        yield from pool.map(job, cases)


@contextmanager
def told_if_killed() -> Iterator[None]:
    """A block that works with a pool of processes.

    Raises:
        WorkerError: one of them was killed.
    """
    try:
        yield
    except BrokenProcessPool as error:
        raise WorkerError(
            "a process that prepares scans was killed, mostly because memory is short; give fewer --workers"
        ) from error


def _one_scan(case: Case, *, out: Path, recipe: SpinefinderRecipe, draw: Drawer, wanted: int) -> ScanOutcome:
    """Read, draw and write; bad input becomes a remark, a full disk stays an error."""
    try:
        volume, spine = case.load()
    except InputError as error:
        return ScanOutcome(case.name, 0, f"skipped: {error}")
    made = 0
    for sample, labelling in draw_all(volume, spine, recipe, draw, scan_rng(recipe, case.name)):
        made += 1
        write_sample(out, f"{case.name}-{made}", sample.astype(recipe.sample_dtype), labelling)
    remove_samples(out, case.name, made + 1)
    return ScanOutcome(case.name, made, _why_fewer(spine, made, wanted))


def draw_all(
    volume: Volume, spine: Spine, recipe: SpinefinderRecipe, draw: Drawer, rng: np.random.Generator
) -> Iterator[Sample]:
    """Samples of one scan in memory; none if nothing is annotated inside the scan.

    Args:
        volume: HU, any orientation and spacing.
        spine: Its annotation, RAS+ mm.
        recipe: Its constants.
        draw: Draws from the prepared scan.
        rng: The only source of randomness.
    """
    working, labels = prepare(volume, spine, recipe)
    if labels.data.any():
        yield from draw(working, labels, spine, recipe, rng)


def prepare(volume: Volume, spine: Spine, recipe: SpinefinderRecipe) -> tuple[Volume, Volume]:
    """The working volume (float32, normalised) and its dense annotation (VerSe numbers, uint8)."""
    working = to_working(volume, recipe.working)
    return working, dense_annotation(spine, working.grid, recipe.sizes_by_label)


def scan_rng(recipe: SpinefinderRecipe, name: str) -> np.random.Generator:
    """A generator that depends on the seed and the name of the scan only."""
    return np.random.default_rng([recipe.seed, zlib.crc32(name.encode())])


def _why_fewer(spine: Spine, made: int, wanted: int) -> str:
    if not len(spine):
        return "no samples: no vertebra is annotated"
    if made == 0:
        return "no samples: no vertebra lies inside the scan"
    if made < wanted:
        return f"only {made} of {wanted} samples: no further position with a vertebra was found"
    return ""
