"""Loss curves of ``spondyl train`` in one process and, by torchrun, in two: the same, within noise.

Three phantoms, a small network, f32, the same four patches per iteration in every run.

    python benchmarks/bench_team.py FOLDER [--iterations 60] [--plot team.png]
"""

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import yaml
from rich.console import Console
from rich.table import Table

RUNS = {
    "1 process, batch 2, accumulate 2": (1, 2, 2),
    "2 processes, batch 2": (2, 2, 1),
    "1 process, batch 4": (1, 4, 1),
    "1 process, batch 2, accumulate 2, other patches": (1, 2, 2),
}
"""Processes, batch size, batches accumulated."""

RECIPE = {
    "name": "spondyl",
    "identification": {
        "spacing_mm": 4.0,
        "patch_vox": [24, 24, 48],
        "widths": [4, 8, 16],
        "offsets": True,
        "levels": True,
    },
    "training": {"phantoms": 0, "learning_rate": 4e-3, "warmup": 10, "ema": 0.95},
}
PARTS = ("vertebra", "heat", "offset", "level")


def train(folder: Path, name: str, iterations: int) -> tuple[np.ndarray, float]:
    """``(n, 2)`` iteration and loss, and the seconds of the whole command."""
    processes, batch, accumulate = RUNS[name]
    place = folder / name.replace(" ", "-").replace(",", "")
    recipe = folder / "recipe.yaml"
    recipe.write_text(yaml.safe_dump(RECIPE))
    launcher = ["torch.distributed.run", "--standalone", f"--nproc-per-node={processes}", "-m"]
    program = [sys.executable, "-m", *(launcher if processes > 1 else []), "spondyl"]
    values = {
        "--recipe": recipe,
        "--iterations": iterations,
        "--batch-size": batch,
        "--accumulate": accumulate,
        "--precision": "f32",
        "--seed": 2 if "other" in name else 1,
        "--device": "cpu",
        "--every": 5,
        "--checkpoints": place / "checkpoints",
    }
    options = [str(word) for pair in values.items() for word in pair]
    data = str(folder / "phantoms")
    start = time.perf_counter()
    subprocess.run(
        [*program, "train", "identification", data, data, str(place / "model"), *options], check=True
    )
    seconds = time.perf_counter() - start
    log = place / "checkpoints" / "identification_model" / "identification_model.jsonl"
    rows = [json.loads(line) for line in log.read_text().splitlines()]
    return np.array([(row["iteration"], sum(row[part] for part in PARTS)) for row in rows]), seconds


def plot(curves: dict[str, np.ndarray], path: Path) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 3.4), layout="constrained")
    axes = figure.subplots()
    for (name, curve), style in zip(curves.items(), ("-", "--", ":", "-"), strict=True):
        grey = {"color": "0.7", "zorder": 0} if "other" in name else {}
        axes.plot(curve[:, 0], curve[:, 1], style, label=name, **grey)
    axes.set(xlabel="iteration", ylabel="loss, mean of 5 iterations", xlim=(0, None))
    axes.grid(alpha=0.3)
    axes.legend(frameon=False)
    figure.savefig(path, dpi=150)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--iterations", type=int, default=60)
    parser.add_argument("--plot", type=Path)
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    make = ["phantom", str(options.folder / "phantoms"), "-n", "3", "--levels", "T11", "L3"]
    make += ["--spacing-mm", "2", "2", "2"]
    subprocess.run([sys.executable, "-m", "spondyl", *make], check=True, stdout=subprocess.DEVNULL)
    curves, table = {}, Table("run", "first loss", "last loss", "seconds")
    for name in RUNS:
        curves[name], seconds = train(options.folder, name, options.iterations)
        table.add_row(name, f"{curves[name][0, 1]:.3f}", f"{curves[name][-1, 1]:.3f}", f"{seconds:.0f}")
    Console().print(table)
    first, *others = curves.values()
    for name, other in zip(list(RUNS)[1:], others, strict=True):
        difference = np.abs(other[:, 1] / first[:, 1] - 1)
        mean, most = 100 * difference.mean(), 100 * difference.max()
        Console().print(f"{name}: {mean:.1f} % from the first run on average, {most:.1f} % at most")
    if options.plot:
        plot(curves, options.plot)


if __name__ == "__main__":
    main()
