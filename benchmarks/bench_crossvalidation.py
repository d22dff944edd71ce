"""Cross-validation of the default recipe and of the reference, on the same scans with the same budget.

Every scan of a data set is predicted by networks that never saw its patient. The default recipe learns from
phantoms first, once for all folds (phantoms know no fold), then goes on with the fold's scans and phantoms.
The reference learns from the fold's scans for as many CPU seconds as the default recipe took for that
fold, its share of the phantoms' included; detection gets a quarter of them. ``--reference 0.25`` gives its
networks a quarter of their channels, and with that more updates for the budget. The programs are the
commands ``spondyl samples`` and ``spondyl train``; what is finished is not done again. A training that was
killed counts with the seconds from where it went on.

    python benchmarks/bench_crossvalidation.py train DATASET WORK [--folds 3] [--reference WIDTH]
    python benchmarks/bench_crossvalidation.py score DATASET WORK [--folds 3] [--reference WIDTH]

``score`` prints tables as Markdown, and writes ``WORK/RECIPE.json``: per scan what was missed and invented,
and a picture ``WORK/RECIPE-failures/SCAN.png`` of every scan that is not all correct. ``--on TESTSET`` scores
other scans instead, with the networks of the first fold.
"""

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

import yaml

from bench_accuracy import show
from spondyl.datasets import find_cases, folds
from spondyl.evaluation import evaluate
from spondyl.inference import load_pipeline
from spondyl.io import read_image
from spondyl.models import combine, read_model
from spondyl.recipes.spinefinder import SpinefinderRecipe
from spondyl.report.reference_pictures import Compared, centroid_row

STAGES = ("detection", "identification")
PHANTOMS = {"phantoms": 60, "phantom_share": 0.97}  # the data set of a training may not be empty
FIRST = {"detection": 400, "identification": 1500}
THEN = {"detection": 1200, "identification": 800}
RATES = {"first": 2e-3, "then": 1.2e-3}


def spondyl(*arguments) -> float:
    """Run a command; CPU seconds of it and its children."""
    process = subprocess.Popen([sys.executable, "-m", "spondyl", *map(str, arguments)])
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"failed: spondyl {' '.join(map(str, arguments))}")
    return usage.ru_utime + usage.ru_stime


def once(place: Path, work) -> float:
    """CPU seconds of some work, done now or before."""
    note = place / "seconds.json"
    if not note.exists():
        seconds = work()
        note.write_text(json.dumps(seconds))
    return float(json.loads(note.read_text()))


def link(cases, folder: Path) -> Path:
    """A data set of links to the files of some cases."""
    folder.mkdir(parents=True, exist_ok=True)
    for case in cases:
        for file in (case.image, case.centroids):
            place = folder / file.name
            if not place.exists():
                place.symlink_to(file.resolve())
    return folder


def train_default(work: Path, part: str, stage: str, data: Path, held: Path, init: Path | None) -> float:
    """One stage of the default recipe; CPU seconds."""
    place = work / part / stage
    place.mkdir(parents=True, exist_ok=True)
    store = work / "cases"
    store.mkdir(exist_ok=True)
    if not (place / "spondyl_cases").exists():
        (place / "spondyl_cases").symlink_to(store.resolve())
    iterations, rate = (FIRST, RATES["first"]) if init is None else (THEN, RATES["then"])
    training = {"iterations": iterations[stage], "learning_rate": rate, "phantoms": 60}
    recipe = place / "recipe.yaml"
    recipe.write_text(
        yaml.safe_dump({"name": "spondyl", "training": training | (PHANTOMS if init is None else {})})
    )
    start = [] if init is None else ["--init", init / stage / "model"]
    return once(
        place,
        lambda: spondyl(
            *("train", stage, data, held, place / "model", "--recipe", recipe, "--resume", *start),
            *("--device", "cpu", "--checkpoints", place, "--logs", place / "logs"),
        ),
    )


def reference(width: float) -> str:
    """What the folders of the reference recipe at a share of its channels begin with."""
    return "reference-" if width == 1 else f"reference-{width:g}-"


def train_reference(
    work: Path, part: str, stage: str, data: Path, held: Path, budget_s: float, width: float
) -> float:
    """One stage of the reference, as many whole epochs as fit the budget, one at least; CPU seconds."""
    place = work / part / f"{reference(width)}{stage}"
    place.mkdir(parents=True, exist_ok=True)
    recipe = place / "recipe.yaml"
    training = {"batch_size": 8, "precision": "bf16"}  # smaller batches: more steps for the budget
    network = getattr(SpinefinderRecipe(), stage).network.model_dump()
    network["width"] = round(width * network["width"])
    settings = {"training": training, "network": network}
    recipe.write_text(yaml.safe_dump({"name": "spinefinder", "sample_dtype": "float16", stage: settings}))
    samples, few = place / "samples", ["--samples-per-scan", 5]
    once(samples, lambda: spondyl("samples", stage, data, samples, "--recipe", recipe))
    once(place / "val", lambda: spondyl("samples", stage, held, place / "val", "--recipe", recipe, *few))

    def epochs(number: int) -> float:
        return spondyl(
            *("train", stage, samples, place / "val", place / "model", "--recipe", recipe, "--resume"),
            *("--epochs", number, "--device", "cpu", "--checkpoints", place, "--logs", place / "logs"),
            *("--keep-checkpoints", 1),
        )

    first = once(place / "logs", lambda: epochs(1))
    number = max(round(budget_s / first), 1)
    return first + once(place, lambda: epochs(number) if number > 1 else 0.0)


def train(options) -> None:
    """All folds."""
    phantoms = options.work / "two_phantoms"
    if not phantoms.exists():
        spondyl("phantom", phantoms, "-n", 2, "--hard", "--seed", 9301)
    shared = sum(train_default(options.work, "phantoms", s, phantoms, phantoms, None) for s in STAGES)
    for number, (learnt, held) in enumerate(folds(find_cases(options.dataset), options.folds)):
        if number not in (options.only or range(options.folds)):
            continue
        part = f"fold-{number}"
        data = link(learnt, options.work / part / "training_dataset")
        unseen = link(held, options.work / part / "held_out")
        first = options.work / "phantoms"
        seconds = sum(train_default(options.work, part, s, data, unseen, first) for s in STAGES)
        budget = shared / options.folds + seconds
        print(f"{part}: {budget:.0f} CPU seconds for the default recipe")
        if options.reference:
            for stage, share in (("detection", 0.25), ("identification", 0.75)):
                spent = train_reference(
                    options.work, part, stage, data, unseen, share * budget, options.reference
                )
                print(f"{part}: {spent:.0f} CPU seconds for the reference's {stage}")


def predictions(options, prefix: str):
    """Name, truth and prediction of every scan, by its own fold; of other scans, by the first."""
    for number, (_, held) in enumerate(folds(find_cases(options.dataset), options.folds)):
        if number not in (options.only or range(options.folds)) or (options.on and number):
            continue
        place = options.work / f"fold-{number}"
        pipeline = load_pipeline(combine(*(read_model(place / f"{prefix}{s}" / "model") for s in STAGES)))
        for case in find_cases(options.on) if options.on else held:
            image, truth = case.load()
            yield case.name, truth, pipeline(image)


def score(options) -> None:
    """One table per recipe."""
    recipes = {"default": "", **({"reference": reference(options.reference)} if options.reference else {})}
    for recipe, prefix in recipes.items():
        name, dataset = (f"{recipe}-test", options.on) if options.on else (recipe, options.dataset)
        pairs = list(predictions(options, prefix))
        whole = evaluate(pairs)
        show(f"{name}: {len(pairs)} scans", whole, len(pairs))
        (options.work / f"{name}.json").write_text(json.dumps([_named(*pair) for pair in pairs], indent=1))
        wrong = {name for name, scores in whole.scan_scores.items() if scores["all_correct_rate"].value != 1}
        draw([pair for pair in pairs if pair[0] in wrong], dataset, options.work / f"{name}-failures")


def draw(pairs, dataset, folder: Path) -> None:
    """True (white) and predicted (red) centroids of each scan."""
    folder.mkdir(exist_ok=True)
    scans = {case.name: case for case in find_cases(dataset)}
    for name, truth, found in pairs:
        centroid_row([Compared(name, read_image(scans[name].image), truth, found)], folder / f"{name}.png")


def _named(name, truth, found) -> dict[str, object]:
    """What a person looks at first."""
    true, seen = [v.name for v in truth], [v.name for v in found]
    return {
        "scan": name,
        "missed": [n for n in true if n not in seen],
        "invented": [n for n in seen if n not in true],
        "found": len(seen),
        "true": len(true),
        "probability": [v.probability for v in found],
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=["train", "score"])
    parser.add_argument("dataset", type=Path)
    parser.add_argument("work", type=Path)
    parser.add_argument("--folds", type=int, default=3)
    parser.add_argument("--reference", type=float, metavar="WIDTH", help="also the reference recipe")
    parser.add_argument("--on", type=Path, metavar="TESTSET", help="score these scans, by the first fold")
    parser.add_argument("--only", type=int, nargs="+", metavar="FOLD", help="leave the other folds out")
    options = parser.parse_args()
    {"train": train, "score": score}[options.what](options)


if __name__ == "__main__":
    main()
