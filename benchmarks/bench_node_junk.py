"""A node under a rain of junk: what it keeps of it.

    python benchmarks/bench_node_junk.py [--count 5000]

Starts ``spondyl node`` in a temporary folder and throws at it what the tests throw, only more: strangers'
bytes on the port, broken requests, C-STORE of random, truncated, mislabelled and anonymous objects.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "dicom" / "node"))

from node_junk import throw_junk
from node_pacs import free_port, listens, wait_until

WARM_UP = 15


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--count", type=int, default=5000)
    count = parser.parse_args().count
    with tempfile.TemporaryDirectory() as folder:
        store, port = Path(folder) / "store", free_port()
        words = ["--store", store, "--port", str(port), "--allow", "SENDER", "--log", Path(folder) / "log"]
        with subprocess.Popen([sys.executable, "-m", "spondyl", "node", *words]) as program:
            try:
                wait_until(lambda: listens(port), "the node listens")
                node = psutil.Process(program.pid)
                throw_junk(port, WARM_UP)
                print("before", state(node, store))
                start = time.monotonic()
                refused = throw_junk(port, count, seed=1)
                print(
                    f"{count} pieces, {refused} refused in an association, {time.monotonic() - start:.0f} s"
                )
                time.sleep(5)
                print("after", state(node, store))
            finally:
                program.terminate()


def state(node, store):
    files = [path for path in store.rglob("*") if path.is_file()]
    peak = next(line for line in Path(f"/proc/{node.pid}/status").read_text().splitlines() if "VmHWM" in line)
    return (
        f"{node.memory_info().rss / 1e6:.0f} MB (peak {int(peak.split()[1]) / 1e3:.0f} MB),"
        f" {node.num_threads()} threads, {node.num_fds()} open files and sockets,"
        f" {len(files)} files of {sum(file.stat().st_size for file in files)} bytes in the store"
    )


if __name__ == "__main__":
    main()
