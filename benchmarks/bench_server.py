"""The server under load: many uploads at once, and one large scan to look at.

    python benchmarks/bench_server.py SCAN.nii.gz [--uploads 20] [--large]

Starts a server of its own with the model that ships, in a temporary folder. The first part sends the
same scan many times at once, asks for the list of cases four times a second while they are worked on,
and watches the memory of both processes. The second enlarges the scan to 512 x 512 x 300 voxels and
asks for all a page needs.
"""

import argparse
import contextlib
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import numpy as np
import psutil

from spondyl import read_image
from spondyl.io import write_image

LARGE = (512, 512, 300)


class Watch(threading.Thread):
    """Peak memory of a server and its worker (MB), and how long the list of cases takes to answer (ms)."""

    def __init__(self, server, address):
        super().__init__(daemon=True)
        self.process, self.address = psutil.Process(server.pid), address
        self.peak, self.waits, self.over = {"server": 0.0, "worker": 0.0}, [], threading.Event()

    def run(self):
        with httpx.Client(base_url=self.address, timeout=120) as client:
            while not self.over.wait(0.25):
                start = time.perf_counter()
                client.get("/api/cases").raise_for_status()
                self.waits.append(1000 * (time.perf_counter() - start))
                self.note("server", [self.process])
                self.note("worker", self.process.children())

    def note(self, name, processes):
        for process in processes:
            with contextlib.suppress(psutil.NoSuchProcess):
                self.peak[name] = max(self.peak[name], process.memory_info().rss / 1e6)

    def told(self):
        median, late, most = np.percentile(self.waits, (50, 95, 100))
        memory = ", ".join(f"{name} {peak:.0f} MB" for name, peak in self.peak.items())
        return (
            f"peak memory {memory}; {len(self.waits)} lists of cases answered in"
            f" {median:.0f} ms (median), {late:.0f} ms (95 %), {most:.0f} ms (most)"
        )


def send(address, path):
    start = time.perf_counter()
    with path.open("rb") as stream, httpx.Client(timeout=600) as client:
        answer = client.post(f"{address}/api/cases", files={"files": (path.name, stream)})
    answer.raise_for_status()
    return answer.json()["id"], time.perf_counter() - start


def finish(client, cases):
    """Wait until all are done; gives their states."""
    while True:
        states = [client.get(f"/api/cases/{case}").json()["state"] for case in cases]
        if not {"queued", "running"} & set(states):
            return states
        time.sleep(1)


def many(client, address, server, scan, count):
    watch = Watch(server, address)
    watch.start()
    start = time.perf_counter()
    with ThreadPoolExecutor(count) as pool:
        sent = list(pool.map(lambda _: send(address, scan), range(count)))
    uploaded = time.perf_counter() - start
    states = finish(client, [case for case, _ in sent])
    watch.over.set()
    watch.join()
    megabytes = scan.stat().st_size / 1e6
    print(f"{count} uploads of {megabytes:.1f} MB at once: all accepted after {uploaded:.1f} s")
    print(f"all finished after {time.perf_counter() - start:.0f} s: " + ", ".join(
        f"{states.count(state)} {state}" for state in sorted(set(states))))  # fmt: skip
    print(watch.told())


def large(client, address, server, scan, folder):
    volume = read_image(scan)
    spacing = np.array(volume.grid.shape) * volume.grid.spacing_mm / LARGE
    big = volume.resampled(volume.grid.resampled(spacing))
    path = folder / "large.nii.gz"
    noise = np.random.default_rng(0).normal(0, 15, big.data.shape).astype(np.float32)
    write_image(type(big)(np.rint(big.data + noise).astype(np.int16), big.grid), path)
    print(f"large scan: {big.grid.shape} voxels, {path.stat().st_size / 1e6:.0f} MB")
    watch = Watch(server, address)
    watch.start()
    start = time.perf_counter()
    case, seconds = send(address, path)
    states = finish(client, [case])
    print(f"sent in {seconds:.1f} s, {states[0]} after {time.perf_counter() - start:.0f} s")
    requests = [("GET", part, None) for part in ("image", "mask", "strip/sagittal.png", "result")]
    requests += [("POST", "corrections", {"kind": "shift", "by": 1}), ("POST", "undo", None)]
    for method, part, body in requests:
        start = time.perf_counter()
        answer = client.request(method, f"/api/cases/{case}/{part}", json=body).raise_for_status()
        seconds = time.perf_counter() - start
        print(f"{method} {part}: {len(answer.content) / 1e6:.2f} MB in {seconds:.2f} s")
    watch.over.set()
    watch.join()
    print(watch.told())


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("scan", type=Path)
    parser.add_argument("--uploads", type=int, default=20)
    parser.add_argument("--large", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        words = ["-m", "spondyl", "serve", "--data", f"{folder}/data", "--port", "0", "--threads", "2"]
        server = subprocess.Popen([sys.executable, *words], stderr=subprocess.PIPE, text=True)
        try:
            address = server.stderr.readline().split()[-1]
            with httpx.Client(base_url=address, timeout=600) as client:
                if options.uploads:
                    many(client, address, server, options.scan, options.uploads)
                if options.large:
                    large(client, address, server, options.scan, Path(folder))
        finally:
            server.terminate()
            server.wait()


if __name__ == "__main__":
    main()
