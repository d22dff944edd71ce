"""Accuracy by region, voxel size, field of view and anomaly; several models side by side in one run.

``python benchmarks/bench_accuracy.py DATASET [--model default --model saved_models/mine ...]``
prints one table per model; ``--precision f32 --precision bf16`` runs every model in each. A data set is
anything ``spondyl evaluate`` takes, e.g. ``spondyl phantom phantoms -n 60 --hard --seed 9001``. A model is a
folder, ``default``, or two folders joined by a comma (detection,identification).
"""

import argparse
import sys
import time
from pathlib import Path

from spondyl.anatomy import NAMES, RANK
from spondyl.datasets import find_cases
from spondyl.evaluation import evaluate
from spondyl.inference import load_pipeline
from spondyl.models import combine, read_model

COLUMNS = {
    "id_rate": "id rate",
    "localization_mean": "error",
    "all_correct_rate": "all correct",
    "invented": "invented",
    "dice": "Dice",
    "calibration_error": "ECE",
}


def groups_of(image, spine):
    """The groups a scan counts in."""
    names = {vertebra.name for vertebra in spine}
    ranks = [RANK[label] for label in spine.labels]
    missing = {NAMES[label] for label, rank in RANK.items() if min(ranks) < rank < max(ranks)} - names
    anomaly = bool(names & {"T13", "L6"} or missing & {"T12", "L5"})
    coarsest = max(image.grid.spacing_mm)
    return [
        "spacing " + ("<= 1.5 mm" if coarsest <= 1.5 else "1.5-3 mm" if coarsest <= 3 else "> 3 mm"),
        "field of view "
        + ("<= 6" if len(spine) <= 6 else "7-12" if len(spine) <= 12 else "> 12")
        + " vertebrae",
        "T13, L6 or one fewer" if anomaly else "usual number of vertebrae",
    ]


def pipeline_of(model, precision):
    """A model by its name on the command line."""
    folders = model.split(",")
    chosen = (
        None if model == "default" else model if len(folders) == 1 else combine(*map(read_model, folders))
    )
    return load_pipeline(chosen, precision=precision)


def measure(dataset, model, precision):
    """Pairs of truth and prediction, the groups of every scan, and processor seconds."""
    pipeline, pairs, groups = pipeline_of(model, precision), [], {}
    seconds = 0.0
    for case in find_cases(dataset):
        image, truth = case.load()
        if not len(truth):
            continue
        start = time.process_time()
        pairs.append((case.name, truth, pipeline(image)))
        seconds += time.process_time() - start
        groups[case.name] = groups_of(image, truth)
    return pairs, groups, seconds


def row(name, scores, count):
    """One line of the table, as Markdown."""
    cells = []
    for key in COLUMNS:
        estimate = scores.get(key)
        if estimate is None or estimate.value is None:
            cells.append("-")
            continue
        share = key not in ("localization_mean", "invented", "calibration_error")
        digits = "{:.1f} %" if share else "{:.0f}" if key == "invented" else "{:.2f}"
        scale = 100 if share else 1
        text = digits.format(scale * estimate.value)
        if name == "all" and estimate.low is not None:
            text += f" ({digits.format(scale * estimate.low)} - {digits.format(scale * estimate.high)})"
        cells.append(text)
    return f"| {name} | {count} | " + " | ".join(cells) + " |"


def show(title, whole, count):
    """The head of a table, and its lines for all scans and for each region."""
    print(f"\n## {title}\n")
    print("| group | n | " + " | ".join(COLUMNS.values()) + " |")
    print("|---" * (len(COLUMNS) + 2) + "|")
    print(row("all", whole.summary, count))
    for region, scores in whole.regions.items():
        print(row(region, scores, scores["id_rate"].n))


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("dataset", type=Path)
    parser.add_argument("--model", action="append")
    parser.add_argument("--precision", action="append", choices=["f32", "bf16"])
    options = parser.parse_args()
    for model in options.model or ["default"]:
        for precision in options.precision or ["f32"]:
            pairs, groups, seconds = measure(options.dataset, model, precision)
            if not pairs:
                return f"{options.dataset}: no annotated scan"
            whole = evaluate(pairs)
            each = f"{seconds / len(pairs):.1f} processor seconds each"
            show(f"{model}, {precision}: {len(pairs)} scans, {each}", whole, len(pairs))
            for group in sorted({name for names in groups.values() for name in names}):
                chosen = [pair for pair in pairs if group in groups[pair[0]]]
                print(row(group, evaluate(chosen, resamples=0).summary, len(chosen)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
