"""Many scans: workers against a shell loop, a Ray cluster that loses a node, and how cost grows.

    python benchmarks/bench_batch.py loop OUT.json [--scans 100]      shell loop, 1 and 2 workers
    python benchmarks/bench_batch.py growth OUT.json                  1 to 100 scans
    python benchmarks/bench_batch.py slices OUT.json                  50 to 2000 slices
    python benchmarks/bench_batch.py cluster OUT.json [--scans 100]   three nodes, one killed half-way
    python benchmarks/bench_batch.py plot FOLDER OUT.json...          pictures of all

Ten small phantoms are made once; the others are copies that differ in one voxel, so that every scan has a
hash and a name of its own. Processor seconds are those of all processes of a run.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import nibabel as nib
import numpy as np

PROGRAM = [sys.executable, "-m", "spondyl", "predict"]


def timed(command: list[str]) -> dict[str, float]:
    """Wall-clock seconds, processor seconds of all its processes, and peak MB of the largest one."""
    code = (
        "import json, os, resource, subprocess, sys, time; start = time.perf_counter();"
        "done = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL).returncode;"
        "wall = time.perf_counter() - start; used = resource.getrusage(resource.RUSAGE_CHILDREN);"
        "print(json.dumps([done, wall, used.ru_utime + used.ru_stime, used.ru_maxrss]))"
    )
    done = subprocess.run([sys.executable, "-c", code, *command], capture_output=True, text=True, check=True)
    code_, wall, processor, peak = json.loads(done.stdout)
    if code_:
        raise SystemExit(f"failed: {' '.join(command)}\n{done.stderr}")
    return {"seconds": wall, "cpu_seconds": processor, "peak_mb": peak / 1024}


def phantoms(folder: Path, count: int) -> list[Path]:
    """Ten small phantoms, 120 x 140 x 200 mm, made when missing."""
    from spondyl.phantom import PhantomOptions, write_phantoms

    options = PhantomOptions(field_of_view_mm=(120, 140, 200), spacing_mm=(1.5, 1.5, 2))
    if len(found := sorted(folder.glob("phantom*[0-9].nii.gz"))) >= count:
        return found[:count]
    return write_phantoms(folder, count, options=options)


def copies(originals: list[Path], folder: Path, count: int) -> Path:
    """So many scans that differ in one voxel, ten phantoms in turn."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        image = nib.load(originals[number % len(originals)])
        data = np.asarray(image.dataobj).copy()
        data.flat[0] = -1000 - number // len(originals)
        nib.save(nib.Nifti1Image(data, image.affine, image.header), folder / f"scan{number:04}.nii.gz")
    return folder


def bench_loop(work: Path, options: argparse.Namespace) -> list[dict]:
    """A process per scan, one worker, two workers: in turn, part by part, so that noise is shared."""
    scans = sorted(copies(phantoms(options.phantoms, 10), work / "in", options.scans).iterdir())[
        options.first :
    ]
    totals = {name: Counter() for name in ("shell loop", "1 worker", "2 workers")}
    for start in range(0, len(scans), options.part):
        part = [str(scan) for scan in scans[start : start + options.part]]
        for name, total in totals.items():
            out = work / name.replace(" ", "-")
            runs = (
                [timed([*PROGRAM, scan, "-o", str(out)]) for scan in part]
                if name == "shell loop"
                else [timed([*PROGRAM, *part, "-o", str(out), "--workers", name[0]])]
            )
            for run in runs:
                total.update({key: run[key] for key in ("seconds", "cpu_seconds")})
                total["peak_mb"] = max(total["peak_mb"], run["peak_mb"])
        done = scans[: start + len(part)]
        rows = [{"what": name, "scans": len(done), **total} for name, total in totals.items()]
        for row in rows:  # written part by part, so that a benchmark cut short is not lost
            here = work / row["what"].replace(" ", "-")
            row["same"] = sum(_answer(here, scan) == _answer(work / "shell-loop", scan) for scan in done)
        options.out.write_text(json.dumps(rows, indent=1) + "\n")
    size = sum(path.stat().st_size for path in (work / "1-worker").glob("*/*")) / len(scans)
    return [{**row, "kb_written": size / 1000} for row in rows]


def _answer(out: Path, scan: Path) -> list:
    result = json.loads((out / scan.name.removesuffix(".nii.gz") / "result.json").read_text())
    return [(v["name"], v["centroid_mm"]) for v in result["vertebrae"]]


def bench_growth(work: Path, options: argparse.Namespace) -> list[dict]:
    """1 to 100 scans with one and two workers, and the same again when all is done."""
    folder = copies(phantoms(options.phantoms, 10), work / "in", max(options.counts))
    scans = [str(scan) for scan in sorted(folder.iterdir())]
    rows = []
    for count in options.counts:
        for workers in ("1", "2"):
            command = [*PROGRAM, *scans[:count], "-o", str(work / f"{count}-{workers}"), "--workers", workers]
            rows.append({"scans": count, "workers": int(workers), "again": False, **timed(command)})
            if workers == "1":
                rows.append({"scans": count, "workers": 1, "again": True, **timed(command)})
    return rows


def bench_slices(work: Path, options: argparse.Namespace) -> list[dict]:
    """One scan of 50 to 2000 slices of 1 mm, about 400 x 400 mm: a trunk in air, mirrored and repeated."""
    finer = 2 if options.fine else 1
    width, voxel_mm = 256 * finer, 1.5 / finer
    trunk = np.asarray(nib.load(phantoms(options.phantoms, 10)[0]).dataobj)
    trunk = trunk.repeat(finer, axis=0).repeat(finer, axis=1).repeat(2, axis=2)
    rest = [(width - size) // 2 for size in trunk.shape[:2]]
    trunk = np.pad(trunk, [*((n, n) for n in rest), (0, 0)], constant_values=-1000)
    rows = []
    for slices in options.slices:
        turned = [
            trunk if turn % 2 == 0 else trunk[:, :, ::-1] for turn in range(slices // trunk.shape[2] + 1)
        ]
        data = np.concatenate(turned, axis=2)[:, :, :slices]
        path = work / f"slices{slices:04}.nii.gz"
        nib.save(nib.Nifti1Image(data, np.diag([-voxel_mm, -voxel_mm, 1, 1])), path)
        runs = []
        for turn in range(options.rounds):
            out = work / f"out{turn}"
            runs.append(timed([*PROGRAM, str(path), "-o", str(out)]))
        steps = json.loads((out / path.name.removesuffix(".nii.gz") / "result.json").read_text())["timings_s"]
        median = {key: float(np.median([run[key] for run in runs])) for key in runs[0]}
        mb = path.stat().st_size / 1e6
        rows.append({"slices": slices, "shape": data.shape, "mb": mb, **median, "steps": steps})
    return rows


def bench_cluster(work: Path, options: argparse.Namespace) -> list[dict]:
    """Three Ray nodes on this machine; one is killed when half of the scans are done."""
    os.environ |= {"RAY_worker_niceness": "0"}  # Ray's own 15 would measure the other programs
    import ray
    from ray.cluster_utils import Cluster

    from spondyl.batch import RayCluster, find_scans, make_job, read_manifest, run_batch

    folder = copies(phantoms(options.phantoms, 10), work / "in", options.scans)
    small = {"num_cpus": 1, "object_store_memory": 80 << 20, "include_log_monitor": False}
    cluster = Cluster()
    cluster.add_node(include_dashboard=False, **small)
    nodes = [cluster.add_node(**small) for _ in range(2)]
    executor = RayCluster(cluster.address)
    scans, _ = find_scans([folder])
    start, records, alive = time.perf_counter(), [], []
    for record in run_batch(scans, make_job(work / "out", threads=1), executor):
        records.append(record)
        if len(records) == len(scans) // 2:
            cluster.remove_node(nodes[0], allow_graceful=False)
        alive.append(sum(node["Alive"] for node in ray.nodes()))
    seconds = time.perf_counter() - start
    ray.shutdown()
    cluster.shutdown()
    # What one process alone says about the ten phantoms; the copies differ from them in a corner.
    first = sorted(scan.path for scan in scans)[:10]
    timed([*PROGRAM, *map(str, first), "-o", str(work / "alone")])
    lines = Counter(record.name for record in read_manifest(work / "out"))
    return [
        {
            "scans": len(scans),
            "seconds": seconds,
            "status": Counter(record.status for record in records),
            "nodes": [alive[0], alive[-1]],
            "workers": Counter(record.worker for record in records),
            "right": sum(
                _answer(work / "out", scan.path) == _answer(work / "alone", first[number % 10])
                for number, scan in enumerate(sorted(scans, key=lambda scan: scan.name))
            ),
            "manifest_lines": sum(lines.values()),
            "twice": sum(count > 1 for count in lines.values()),
            "left_behind": [p.name for p in (work / "out").iterdir() if p.name.startswith(".")],
        }
    ]


def plot(folder: Path, files: list[Path]) -> None:
    """``batch-growth.svg`` and ``batch-slices.svg``, of the files that hold such rows."""
    from spondyl.report.style import new_figure

    rows = [row for file in files for row in json.loads(file.read_text())]
    growth = [row for row in rows if "again" in row]
    slices = [row for row in rows if "slices" in row]
    if growth:
        figure = new_figure(640, 360)
        figure.set_layout_engine("constrained")
        axes = figure.add_subplot()
        for workers, again, name in (
            (1, False, "1 worker"),
            (2, False, "2 workers"),
            (1, True, "done before"),
        ):
            chosen = [row for row in growth if (row["workers"], row["again"]) == (workers, again)]
            axes.plot([r["scans"] for r in chosen], [r["cpu_seconds"] for r in chosen], "o-", label=name)
        axes.set(xlabel="scans", ylabel="processor seconds", xlim=(0, None), ylim=(0, None))
        axes.legend()
        figure.savefig(folder / "batch-growth.svg")
    if slices:
        figure = new_figure(640, 360)
        figure.set_layout_engine("constrained")
        left = figure.add_subplot()
        right = left.twinx()
        numbers = [row["slices"] for row in slices]
        left.plot(numbers, [row["cpu_seconds"] for row in slices], "o-", label="processor seconds")
        right.plot(numbers, [row["peak_mb"] for row in slices], "s--", color="tab:orange", label="peak MB")
        left.set(xlabel="slices of 1 mm", ylabel="processor seconds", ylim=(0, None))
        right.set(ylabel="peak MB", ylim=(0, None))
        right.legend(handles=[*left.lines, *right.lines], loc="lower right")
        figure.savefig(folder / "batch-slices.svg")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("what", choices=["loop", "growth", "slices", "cluster", "plot"])
    parser.add_argument("out", type=Path)
    parser.add_argument("files", type=Path, nargs="*")
    parser.add_argument("--phantoms", type=Path, default=Path("bench-phantoms"))
    parser.add_argument("--scans", type=int, default=100)
    parser.add_argument("--first", type=int, default=0, help="go on behind so many scans (loop)")
    parser.add_argument("--part", type=int, default=50)
    parser.add_argument("--fine", action="store_true", help="slices of 512 x 512 voxels, not 256 x 256")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--counts", type=int, nargs="+", default=[1, 3, 10, 30, 100])
    parser.add_argument("--slices", type=int, nargs="+", default=[50, 100, 200, 500, 1000, 2000])
    options = parser.parse_args()
    if options.what == "plot":
        plot(options.out, options.files)
        return
    work = Path(tempfile.mkdtemp(prefix="spondyl-bench-"))
    try:
        rows = globals()[f"bench_{options.what}"](work, options)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    options.out.write_text(json.dumps(rows, indent=1) + "\n")
    print(options.out.read_text())


if __name__ == "__main__":
    main()
