"""An evaluation as tables for the terminal."""

from collections.abc import Mapping

from rich.table import Table
from rich.text import Text

from spondyl.evaluation import Evaluation
from spondyl.evaluation.bootstrap import Estimate
from spondyl.evaluation.metric import Unit

__all__ = ["definitions", "parts_table", "shown", "summary_table", "worst_table"]

PART_METRICS = {
    "id_rate": "id rate %",
    "localization_mean": "mean mm",
    "localization_std": "std mm",
    "localization_median": "median mm",
    "not_found": "not found",
    "detection_recall": "found %",
    "dice": "Dice %",
    "hd95": "HD95 mm",
}
"""Columns of the tables per region and level."""


def shown(value: float | None, unit: Unit) -> str:
    """A number for people: shares in percent, millimetres with two decimals."""
    if value is None:
        return "–"
    if unit == "share":
        return f"{100 * value:.1f} %"
    return f"{value:.2f} mm" if unit == "mm" else f"{value:.0f}"


def definitions(evaluation: Evaluation) -> Text:
    """A paragraph per metric that could be measured; beside the numbers there is not room enough."""
    measured = [
        evaluation.definitions[key] for key, found in evaluation.summary.items() if found.value is not None
    ]
    lines = [Text.assemble((f"{words.name}: ", "bold"), (words.definition, "dim")) for words in measured]
    return Text("\n").join(lines)


def summary_table(evaluation: Evaluation) -> Table:
    """Every metric that could be measured, with its interval."""
    count = len(evaluation.scans)
    table = Table(title=f"{count} scan{'s' * (count != 1)}", title_justify="left")
    table.add_column("metric", style="bold")
    table.add_column("value", justify="right", no_wrap=True)
    if evaluation.settings.resamples:
        table.add_column("95 % interval", justify="right", no_wrap=True)
    table.add_column("n", justify="right")
    for key, estimate in evaluation.summary.items():
        if estimate.value is None:
            continue
        words = evaluation.definitions[key]
        interval = [_interval(estimate, words.unit)] if evaluation.settings.resamples else []
        table.add_row(words.name, shown(estimate.value, words.unit), *interval, str(estimate.n))
    return table


def _interval(estimate: Estimate, unit: Unit) -> str:
    if estimate.low is None:
        return "–"
    return f"{shown(estimate.low, unit)} – {shown(estimate.high, unit)}"


def parts_table(evaluation: Evaluation, title: str, parts: Mapping[str, Mapping[str, Estimate]]) -> Table:
    """One row per region or level; columns that are empty everywhere are left out."""
    keys = [key for key in PART_METRICS if any(scores[key].value is not None for scores in parts.values())]
    table = Table(title=title, title_justify="left", collapse_padding=True, pad_edge=False)
    table.add_column("", style="bold", min_width=3, no_wrap=True)
    table.add_column("true", justify="right", no_wrap=True)
    for key in keys:  # a narrow terminal breaks the headings, never the names and numbers
        table.add_column(PART_METRICS[key], justify="right", min_width=5)
    for name, scores in parts.items():
        cells = [_cell(scores[key].value, evaluation.definitions[key].unit) for key in keys]
        table.add_row(name, str(scores["id_rate"].n), *cells)
    return table


def _cell(value: float | None, unit: Unit) -> str:
    return shown(value, unit).removesuffix(" mm").removesuffix(" %")  # the headings say it


def worst_table(evaluation: Evaluation, count: int) -> Table:
    """The scans with the lowest id rate, then the largest error."""
    table = Table(title="worst scans", title_justify="left")
    table.add_column("scan", style="bold", overflow="fold")
    for name in ("id rate", "mean error", "not found", "invented"):
        table.add_column(name, justify="right")
    missing = set(evaluation.missing_scans)
    for name in evaluation.worst_scans(count):
        scores = evaluation.scan_scores[name]
        columns = ("id_rate", "localization_mean", "not_found", "invented")
        cells = [shown(scores[key].value, evaluation.definitions[key].unit) for key in columns]
        table.add_row(name if name not in missing else Text(f"{name} (no prediction)", "red"), *cells)
    return table
