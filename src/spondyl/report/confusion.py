"""Confusion matrix of levels: which name did each true vertebra get?"""

from pathlib import Path

import numpy as np
import numpy.typing as npt

from spondyl.anatomy import NAMES, ORDER
from spondyl.evaluation import Evaluation
from spondyl.report.style import FAINT, new_figure, save

__all__ = ["confusion", "confusion_matrix"]


def confusion_matrix(evaluation: Evaluation) -> tuple[list[int], npt.NDArray[np.int64]]:
    """Count who was called what.

    Returns:
        VerSe numbers head to foot, and ``(n + 1, n + 1)`` counts ``[true, predicted]``: the last
        column counts missed vertebrae, the last row invented ones. Pairs are those of the
        matching table: one to one, within the limit, whatever the names.
    """
    tables = [scan.table for scan in evaluation.scans]
    present = {row.label for table in tables for row in table.true}
    present |= {row.label for table in tables for row in table.predicted}
    labels = [label for label in ORDER if label in present]
    place = {label: index for index, label in enumerate(labels)}
    other = len(labels)
    counts = np.zeros((other + 1, other + 1), dtype=np.int64)
    for table in tables:
        for row in table.true:
            counts[place[row.label], other if row.partner is None else place[row.partner]] += 1
        for found in table.predicted:
            if found.partner is None:
                counts[other, place[found.label]] += 1
    return labels, counts


def confusion(evaluation: Evaluation, path: Path | str) -> None:
    """Draw and write the confusion matrix; every row is shaded by its share.

    Args:
        evaluation: Any evaluation, an empty one included.
        path: Picture to write; the format follows the suffix.

    Raises:
        OutputError: the picture cannot be written.
    """
    labels, counts = confusion_matrix(evaluation)
    size = max(460, 110 + 27 * len(counts))
    figure = new_figure(size, size)
    left, top = 86, 78
    axes = figure.add_axes((left / size, 16 / size, 1 - (left + 16) / size, 1 - (top + 16) / size))
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    axes.imshow(share, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    for (row, column), count in np.ndenumerate(counts):
        if count:
            # Off the diagonal is a mistake: red figures say so without needing the shade.
            right = row == column
            ink = "white" if share[row, column] > 0.55 else ("#08306b" if right else "#c0392b")
            axes.text(column, row, str(count), ha="center", va="center", fontsize=8, color=ink)
    names = [NAMES[label] for label in labels]
    axes.set_xticks(range(len(counts)), [*names, "missed"], fontsize=8, rotation=90)
    axes.set_yticks(range(len(counts)), [*names, "invented"], fontsize=8)
    axes.xaxis.tick_top()
    axes.xaxis.set_label_position("top")
    axes.set_xlabel("predicted level", fontsize=9, color=FAINT)
    axes.set_ylabel("true level", fontsize=9, color=FAINT)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    for line in (len(labels) - 0.5,):
        axes.axhline(line, color=FAINT, linewidth=0.8)
        axes.axvline(line, color=FAINT, linewidth=0.8)
    figure.text(
        8 / size, 1 - 17 / size, "Who was called what", fontsize=11, fontweight="bold", ha="left", va="center"
    )
    save(figure, path)
