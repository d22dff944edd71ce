"""Box plot of the localization error per level, as the reference system draws it."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from spondyl.anatomy import NAMES, ORDER, Region, region_of
from spondyl.evaluation import Evaluation
from spondyl.report.style import FAINT, REGION_COLOURS, new_figure, save, tidy

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["boxplot"]


def boxplot(evaluation: Evaluation, path: Path | str) -> None:
    """Draw and write the localization error per level, C1 on the left.

    A box spans the quartiles with a line at the median, whiskers reach the furthest error within
    1.5 box lengths, every error is a dot. Below each level stands how many of its true
    vertebrae were found.

    Args:
        evaluation: Any evaluation, an empty one included.
        path: Picture to write; the format follows the suffix.

    Raises:
        OutputError: the picture cannot be written.
    """
    errors, true = _errors(evaluation)
    levels = [label for label in ORDER if true.get(label)]
    figure = new_figure(max(880, 120 + 46 * len(levels)), 460)
    axes = figure.add_axes((0.075, 0.17, 0.905, 0.73))
    tidy(axes)
    rng = np.random.default_rng(0)
    for place, label in enumerate(levels):
        values = errors.get(label, [])
        colour = REGION_COLOURS[region_of(label)]
        if not values:
            continue
        jitter = place + rng.uniform(-0.16, 0.16, len(values))
        axes.plot(jitter, values, "o", color=colour, markersize=2.6, alpha=0.45, markeredgewidth=0)
        axes.boxplot(
            [values],
            positions=[place],
            widths=0.62,
            patch_artist=True,
            manage_ticks=False,
            boxprops={"facecolor": (colour, 0.25), "edgecolor": colour, "linewidth": 1.1},
            medianprops={"color": colour, "linewidth": 2.2},
            whiskerprops={"color": colour},
            capprops={"color": colour},
            showfliers=False,  # every error is drawn already
        )
    found = [f"{NAMES[label]}\n{len(errors.get(label, []))}/{true[label]}" for label in levels]
    axes.set_xticks(range(len(levels)), found, fontsize=8)
    axes.set_xlim(-0.6, max(len(levels), 1) - 0.4)
    axes.set_ylim(bottom=0)
    axes.set_ylabel("localization error (mm)")
    axes.set_xlabel("level, and true vertebrae whose label was found", fontsize=9, color=FAINT)
    everything = [value for values in errors.values() for value in values]
    title = "Localization error per level"
    if everything:
        title += f": mean {np.mean(everything):.1f} mm, median {np.median(everything):.1f} mm"
    else:
        axes.text(0.5, 0.5, "no true label was found", transform=axes.transAxes, ha="center", color=FAINT)
    axes.set_title(title, loc="left", fontsize=11, fontweight="bold")
    _name_regions(axes, levels)
    save(figure, path)


def _name_regions(axes: "Axes", levels: list[int]) -> None:
    """The regions in their colours, in the line of the title."""
    present = {region_of(label) for label in levels}
    for place, region in enumerate(region for region in reversed(Region) if region in present):
        axes.annotate(
            region.value,
            xy=(1.0 - 75 * place / (axes.bbox.width), 1.03),
            xycoords="axes fraction",
            color=REGION_COLOURS[region],
            fontsize=9,
            fontweight="bold",
            ha="right",
        )


def _errors(evaluation: Evaluation) -> tuple[dict[int, list[float]], dict[int, int]]:
    """Errors of found labels, and how many true vertebrae there are, by label."""
    errors: dict[int, list[float]] = {}
    true: dict[int, int] = {}
    for scan in evaluation.scans:
        for row in scan.table.true:
            true[row.label] = true.get(row.label, 0) + 1
            if row.error_mm is not None:
                errors.setdefault(row.label, []).append(row.error_mm)
    return errors, true
