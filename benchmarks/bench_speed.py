"""Seconds and peak memory of the default model and of the reference recipe, side by side.

Whole processes of ``spondyl predict``, start-up, reading and writing included, one after the other
on the same scans, several rounds; medians and ratios. The reference is a trained model, or ``untrained``:
full width and random weights. Its cost depends on which slices its detection finds something in.

    python benchmarks/bench_speed.py SCAN... [--rounds 3] [--reference MODEL] [--engines]

MODEL is a folder, or two joined by a comma (detection,identification).
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.table import Table


def run(arguments: list[str]) -> dict[str, float]:
    """Wall-clock seconds, CPU seconds and peak memory (MB) of one process."""
    import time

    start = time.perf_counter()
    process = subprocess.Popen(arguments, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"failed: {' '.join(arguments)}")
    return {
        "seconds": time.perf_counter() - start,
        "cpu_seconds": usage.ru_utime + usage.ru_stime,
        "peak_mb": usage.ru_maxrss / 1024,
    }


def reference(model: str, folder: Path) -> Path:
    """The folder of a model by its name on the command line."""
    from spondyl.models import combine, read_model

    if model == "untrained":
        return untrained_reference(folder)
    parts = [read_model(part) for part in model.split(",")]
    if len(parts) == 1:
        return parts[0].folder
    return combine(*parts).save(folder / "reference").folder


def untrained_reference(folder: Path) -> Path:
    """The reference's networks at full width, untrained, as a model folder."""
    import torch

    from spondyl.anatomy import NAMES
    from spondyl.models import ModelInfo, StageInfo, write_model
    from spondyl.networks.build import build_network
    from spondyl.networks.export import export_onnx, save_weights
    from spondyl.recipes.spinefinder import SpinefinderRecipe
    from spondyl.training.spinefinder import architecture

    torch.manual_seed(1)
    recipe, stages, files = SpinefinderRecipe(), {}, {}
    shapes = {"detection": (1, 1, 64, 64, 80), "identification": (1, 8, 80, 320)}
    for stage, shape in shapes.items():
        network = build_network(architecture(stage, recipe))
        weights, onnx = folder / f"{stage}.safetensors", folder / f"{stage}.onnx"
        save_weights(network, weights)
        export_onnx(network, onnx, shape)
        files |= {weights.name: weights, onnx.name: onnx}
        stages[stage] = StageInfo(
            architecture=architecture(stage, recipe), weights=weights.name, onnx=onnx.name
        )
    info = ModelInfo(
        recipe=recipe.model_dump(mode="json"),
        stages=stages,
        labels=("background", *(NAMES[n] for n in sorted(NAMES))),
        spacing_mm=(1.0, 1.0, 1.0),
    )
    return write_model(folder / "reference", info, files).folder


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("scans", nargs="+", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--reference", help="also the reference recipe: a model, or 'untrained'")
    parser.add_argument("--engines", action="store_true", help="also ONNX Runtime and torch")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    rows: list[dict[str, object]] = []
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        variants: dict[str, list[str]] = {"default": [], "default, bf16": ["--precision", "bf16"]}
        if options.engines:
            variants |= {
                "default, onnxruntime": ["--engine", "onnxruntime"],
                "default, torch": ["--engine", "torch"],
            }
        if options.reference:
            variants["reference"] = ["--model", str(reference(options.reference, folder))]
        program = [sys.executable, "-m", "spondyl", "predict"]
        for scan in options.scans:
            taken: dict[str, list[dict[str, float]]] = {name: [] for name in variants}
            for _ in range(options.rounds):
                for name, extra in variants.items():
                    taken[name].append(
                        run([*program, str(scan), "-o", str(folder / "out"), "--overwrite", *extra])
                    )
            for name, results in taken.items():
                medians = {key: statistics.median(r[key] for r in results) for key in results[0]}
                rows.append({"scan": scan.name, "variant": name, **medians})
    show(rows)
    if options.json:
        options.json.write_text(json.dumps(rows, indent=2))


def show(rows: list[dict[str, object]]) -> None:
    """One line per scan and variant, with the CPU seconds against the default model's."""
    table = Table("scan", "variant", "seconds", "CPU seconds", "against default", "peak MB")
    base = {row["scan"]: row["cpu_seconds"] for row in rows if row["variant"] == "default"}
    for row in rows:
        ratio = row["cpu_seconds"] / base[row["scan"]]
        table.add_row(
            str(row["scan"]), str(row["variant"]), f"{row['seconds']:.1f}", f"{row['cpu_seconds']:.1f}",
            f"{ratio:.1f} x", f"{row['peak_mb']:.0f}",
        )  # fmt: skip
    Console().print(table)


if __name__ == "__main__":
    main()
