"""Reliability diagram: how often a name given with some probability is right."""

from pathlib import Path

from spondyl.evaluation import Evaluation
from spondyl.evaluation.calibration import BINS, reliability
from spondyl.report.style import FAINT, new_figure, save, tidy

__all__ = ["reliability_diagram"]


def reliability_diagram(evaluation: Evaluation, path: Path | str) -> None:
    """Draw and write the share of right names per bin of probability; the diagonal is perfect.

    Args:
        evaluation: Any evaluation, one without probabilities included.
        path: Picture to write; the format follows the suffix.

    Raises:
        OutputError: the picture cannot be written.
    """
    figure = new_figure(460, 480)
    axes = figure.add_axes((0.13, 0.12, 0.83, 0.77))
    tidy(axes)
    axes.plot([0, 1], [0, 1], color=FAINT, linewidth=1, linestyle=(0, (4, 3)))
    for bar in reliability(evaluation.scans):
        axes.bar(bar.low, bar.correct, 0.94 / BINS, align="edge", color="#0072b2", alpha=0.75)
        axes.plot([bar.probability], [bar.correct], "o", color="#d55e00", markersize=5)
        axes.text(
            (bar.low + bar.high) / 2,
            bar.correct + 0.015,
            str(bar.count),
            ha="center",
            fontsize=7,
            color=FAINT,
        )
    error = evaluation.summary["calibration_error"].value
    if error is None:
        axes.text(0.5, 0.45, "no probabilities were given", ha="center", color=FAINT)
    title = "Calibration" if error is None else f"Calibration: expected error {100 * error:.1f} %"
    axes.set_title(title, loc="left", fontsize=11, fontweight="bold")
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1.06)
    axes.set_xlabel("probability of the name (dot: mean of the bar)")
    axes.set_ylabel("share of right names (number: vertebrae)")
    save(figure, path)
