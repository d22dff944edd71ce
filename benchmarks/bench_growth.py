"""How time and memory of ``spondyl predict`` grow with the number of slices, as whole processes.

One phantom from skull to pelvis, resampled to 512 x 512 voxels of 0.94 x 0.94 x 1 mm with fresh noise;
the scans are cut out of it around its middle, taller ones end in air. Scans are made once and kept.

    python benchmarks/bench_growth.py FOLDER [--slices 50 ... 2000] [--rounds 1] [--plot growth.png]
"""

import argparse
import json
import statistics
import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from bench_speed import run
from spondyl.io import read_image, write_image
from spondyl.phantom import PhantomOptions, make_phantom
from spondyl.volume import Grid, Volume

SLICES = (50, 100, 200, 500, 1000, 2000)
SPACING_MM = (0.9375, 0.9375, 1.0)


def make_scan(source: Volume, slices: int, spacing_mm: tuple[float, float, float]) -> Volume:
    """512 x 512 voxels and so many slices around the middle of ``source``, int16, noise of 12 HU."""
    grid = Grid.from_spacing((512, 512, slices), spacing_mm, "LPS")
    centre = source.grid.to_world((np.array(source.grid.shape) - 1) / 2)
    affine = grid.affine.copy()
    affine[:3, 3] += centre - grid.to_world((np.array(grid.shape) - 1) / 2)
    grid = Grid(grid.shape, affine)
    data = np.empty(grid.shape, np.int16, order="F")
    rng = np.random.default_rng(slices)
    for low in range(0, slices, 20):
        part = grid.cropped((0, 0, low), (512, 512, min(low + 20, slices)))
        values = source.resampled(part, fill=-1000).data
        values += 12 * rng.standard_normal(part.shape, np.float32)
        data[:, :, low : low + 20] = np.clip(np.rint(values), -1024, 3071)
    return Volume(data, grid)


def make_scans(folder: Path, slices: list[int]) -> list[Path]:
    """``growth_0050.nii.gz`` and so on, the tallest as ``.nii`` and of fractions too, a spine of 0.3 mm."""
    folder.mkdir(parents=True, exist_ok=True)
    wanted = {f"growth_{n:04d}.nii.gz": (n, SPACING_MM) for n in slices}
    wanted |= {f"growth_{slices[-1]:04d}.nii": (slices[-1], SPACING_MM), "fine.nii.gz": (1000, (0.3,) * 3)}
    wanted |= {f"fractions_{slices[-1]:04d}.nii.gz": (slices[-1], SPACING_MM)}
    missing = {name: what for name, what in wanted.items() if not (folder / name).exists()}
    if missing:
        options = PhantomOptions(field_of_view_mm=(480, 480, 900), spacing_mm=(2, 2, 2), centre="T9")
        source = make_phantom(1, options).image
        for name, (count, spacing_mm) in missing.items():
            twin = folder / name.replace(".nii", ".nii.gz")
            scan = read_image(twin) if twin.exists() else make_scan(source, count, spacing_mm)
            if name.startswith("fractions"):
                scan = Volume(scan.data + np.float32(0.25), scan.grid)
            write_image(scan, folder / name)
    return [folder / name for name in wanted]


def measure(scan: Path, rounds: int) -> dict[str, object]:
    """Medians over processes, and what was found."""
    with tempfile.TemporaryDirectory() as out:
        command = [sys.executable, "-m", "spondyl", "predict", str(scan), "-o", out, "--overwrite"]
        taken = [run(command) for _ in range(rounds)]
        (result,) = Path(out).glob("*/result.json")
        found = json.loads(result.read_text())
    medians = {key: statistics.median(one[key] for one in taken) for key in taken[0]}
    return {
        "scan": scan.name,
        "slices": found["scan"]["shape"][2],
        "file_mb": scan.stat().st_size / 2**20,
        **medians,
        "vertebrae": len(found["vertebrae"]),
        "timings_s": found["timings_s"],
    }


def plot(rows: list[dict[str, object]], path: Path) -> None:
    """Processor seconds and peak memory over the number of slices."""
    from matplotlib.figure import Figure

    rows = [row for row in rows if str(row["scan"]).startswith("growth") and str(row["scan"]).endswith("gz")]
    slices = [row["slices"] for row in rows]
    figure = Figure(figsize=(8, 3.2), layout="constrained")
    time, memory = figure.subplots(1, 2)
    for axes, key, label in ((time, "cpu_seconds", "processor seconds"), (memory, "peak_mb", "peak MiB")):
        axes.plot(slices, [row[key] for row in rows], "o-")
        axes.set(xlabel="slices of 512 x 512", ylabel=label, xlim=(0, None), ylim=(0, None))
        axes.grid(alpha=0.3)
    memory.axhline(3072, color="grey", linestyle=":")
    memory.text(20, 3072, "3 GiB", va="bottom", color="grey")
    memory.set_ylim(0, max(3400, *memory.get_ylim()))
    figure.savefig(path, dpi=150)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--slices", nargs="+", type=int, default=SLICES)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--plot", type=Path)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    # In a process of its own: one that is started from here would count as large as this one once was.
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        scans = pool.submit(make_scans, options.folder, sorted(options.slices)).result()
    rows = [measure(scan, options.rounds) for scan in scans]
    table = Table("scan", "slices", "file MB", "seconds", "CPU seconds", "peak MB", "vertebrae")
    for row in rows:
        numbers = (f"{row[key]:.1f}" for key in ("seconds", "cpu_seconds"))
        table.add_row(
            row["scan"], str(row["slices"]), f"{row['file_mb']:.0f}", *numbers, f"{row['peak_mb']:.0f}",
            str(row["vertebrae"]),
        )  # fmt: skip
    Console().print(table)
    if options.json:
        options.json.write_text(json.dumps(rows, indent=2))
    if options.plot:
        plot(rows, options.plot)


if __name__ == "__main__":
    main()
