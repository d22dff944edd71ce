"""From pairs of spines to every metric."""

from collections.abc import Iterable, Iterator
from dataclasses import replace

import spondyl
from spondyl.anatomy import NAMES, ORDER, Region, region_of
from spondyl.errors import InputError
from spondyl.evaluation.bootstrap import draw, estimate
from spondyl.evaluation.matching import LIMIT_MM, match
from spondyl.evaluation.metric import FloatArray
from spondyl.evaluation.metrics import METRICS
from spondyl.evaluation.overlap import NSD_TOLERANCE_MM, overlap
from spondyl.evaluation.result import Definition, Evaluation, Scores, Settings
from spondyl.evaluation.scan import ScanResult
from spondyl.spine import Spine

__all__ = ["RESAMPLES", "compare", "evaluate"]

RESAMPLES = 1000
"""Bootstrap resamples unless told otherwise."""

Pair = tuple[str, Spine, Spine | None]


def evaluate(
    pairs: Iterable[Pair],
    *,
    limit_mm: float = LIMIT_MM,
    nsd_tolerance_mm: float = NSD_TOLERANCE_MM,
    resamples: int = RESAMPLES,
    seed: int = 1,
) -> Evaluation:
    """Compare predictions with the truth.

    Pairs are read one at a time and only their matching tables are kept, so masks of many scans
    never meet in memory.

    Args:
        pairs: Name of the scan, truth, prediction. A prediction of ``None`` means that there is
            none: its vertebrae count as missed and the scan is named in the result.
        limit_mm: How far a found vertebra may lie from the true one.
        nsd_tolerance_mm: Of the normalised surface Dice.
        resamples: Bootstrap resamples over scans; 0 for no intervals.
        seed: Of the bootstrap. The result does not depend on the order of the pairs.

    Raises:
        InputError: a name occurs twice, or there are no pairs.
    """
    scans = sorted(
        compare(pairs, limit_mm=limit_mm, nsd_tolerance_mm=nsd_tolerance_mm), key=lambda scan: scan.name
    )
    _check_names([scan.name for scan in scans])
    if not any(scan.masked for scan in scans):  # centroids only: no overlap was asked for
        scans = [replace(scan, overlaps=None) for scan in scans]
    draws = draw(len(scans), resamples, seed)
    regions, levels = _parts(scans)
    return Evaluation(
        program_version=spondyl.__version__,
        settings=Settings(
            limit_mm=limit_mm, nsd_tolerance_mm=nsd_tolerance_mm, resamples=resamples, seed=seed
        ),
        definitions={
            m.key: Definition(
                name=m.name, unit=m.unit, definition=m.definition, higher_is_better=m.higher_is_better
            )
            for m in METRICS
        },
        summary=_scores(scans, draws),
        regions={
            name: _scores([scan.only(labels) for scan in scans], draws) for name, labels in regions.items()
        },
        levels={
            name: _scores([scan.only(labels) for scan in scans], draws) for name, labels in levels.items()
        },
        scan_scores={scan.name: _scores([scan], draws[:0, :1]) for scan in scans},
        scans=tuple(scans),
    )


def compare(
    pairs: Iterable[Pair], *, limit_mm: float = LIMIT_MM, nsd_tolerance_mm: float = NSD_TOLERANCE_MM
) -> Iterator[ScanResult]:
    """The matching tables and overlaps of all pairs, one at a time."""
    for name, truth, predicted in pairs:
        found = Spine() if predicted is None else predicted
        overlaps = None
        if truth.mask is not None:
            overlaps = overlap(truth.mask, found.mask, tolerance_mm=nsd_tolerance_mm)
        table = match(truth, found, limit_mm=limit_mm)
        yield ScanResult(name, table, overlaps, predicted is not None, found.mask is not None)


def _check_names(names: list[str]) -> None:
    if not names:
        raise InputError("nothing to evaluate: no scan with a truth was given")
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise InputError(f"scans of one name: {', '.join(twice)}; every scan needs a name of its own")


def _parts(scans: list[ScanResult]) -> tuple[dict[str, list[int]], dict[str, list[int]]]:
    """Labels of every region and of every level that is true or predicted anywhere, head to foot."""
    present = {row.label for scan in scans for row in scan.table.true}
    present |= {row.label for scan in scans for row in scan.table.predicted}
    labels = [label for label in ORDER if label in present]
    regions = {
        region.value: [label for label in ORDER if region_of(label) is region]
        for region in Region
        if any(region_of(label) is region for label in labels)
    }
    return regions, {NAMES[label]: [label] for label in labels}


def _scores(scans: list[ScanResult], draws: FloatArray) -> Scores:
    return {metric.key: estimate(metric, scans, draws) for metric in METRICS}
