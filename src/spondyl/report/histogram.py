"""Histogram of the localization error."""

from pathlib import Path

import numpy as np

from spondyl.anatomy import Region, region_of
from spondyl.evaluation import Evaluation
from spondyl.report.style import FAINT, REGION_COLOURS, new_figure, save, tidy

__all__ = ["histogram"]

LAST_MM = 30.0
"""Errors beyond are counted in one last bar, or one wrong name by many levels flattens the rest."""


def histogram(evaluation: Evaluation, path: Path | str) -> None:
    """Draw and write how often each localization error occurs, stacked by region.

    Args:
        evaluation: Any evaluation, an empty one included.
        path: Picture to write; the format follows the suffix.

    Raises:
        OutputError: the picture cannot be written.
    """
    figure = new_figure(640, 400)
    axes = figure.add_axes((0.1, 0.14, 0.87, 0.75))
    tidy(axes)
    errors = _by_region(evaluation)
    edges = np.arange(0, LAST_MM + 2)
    bottom = np.zeros(len(edges) - 1)
    for region, values in errors.items():
        counts, _ = np.histogram(np.minimum(values, LAST_MM + 0.5), edges)
        name = f"{region.value} ({len(values)})"
        axes.bar(
            edges[:-1],
            counts,
            0.92,
            bottom,
            align="edge",
            color=REGION_COLOURS[region],
            label=name,
            alpha=0.85,
        )
        bottom += counts
    limit = evaluation.settings.limit_mm
    if limit < LAST_MM:
        axes.axvline(limit, color=FAINT, linewidth=1, linestyle=(0, (4, 3)))
        axes.text(
            limit + 0.3,
            0.97,
            f"limit {limit:g} mm",
            transform=axes.get_xaxis_transform(),
            color=FAINT,
            fontsize=8,
        )
    axes.set_xlim(0, LAST_MM + 1)
    axes.set_xticks(
        [*range(0, int(LAST_MM), 5), LAST_MM + 0.5], [*map(str, range(0, int(LAST_MM), 5)), f"> {LAST_MM:g}"]
    )
    axes.set_xlabel("localization error (mm)")
    axes.set_ylabel("vertebrae")
    missed = sum(row.error_mm is None for scan in evaluation.scans for row in scan.table.true)
    title = f"Localization error of {int(bottom.sum())} vertebrae; {missed} labels not found"
    axes.set_title(title, loc="left", fontsize=11, fontweight="bold")
    if errors:
        axes.legend(frameon=False, fontsize=9)
    save(figure, path)


def _by_region(evaluation: Evaluation) -> dict[Region, list[float]]:
    errors: dict[Region, list[float]] = {}
    rows = [row for scan in evaluation.scans for row in scan.table.true if row.error_mm is not None]
    for region in Region:
        values = [row.error_mm for row in rows if region_of(row.label) is region and row.error_mm is not None]
        if values:
            errors[region] = values
    return errors
