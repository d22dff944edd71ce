"""A program of its own for the tests of the Ray executor: a cluster of two nodes, one of which is killed.

Prints what it saw as JSON. Ray leaves threads, children and warnings behind, which no other test should meet.
"""

import json
import sys
import time
from collections import Counter
from pathlib import Path

import ray
from ray.cluster_utils import Cluster

from spondyl.batch import RayCluster, find_scans, make_job, run_batch


def alive() -> int:
    """Nodes that Ray believes to be alive."""
    return sum(node["Alive"] for node in ray.nodes())


def main(folder: Path, model: Path, kill_after: int) -> None:
    cluster = Cluster()
    small = {"num_cpus": 1, "object_store_memory": 80 << 20, "include_log_monitor": False}
    cluster.add_node(include_dashboard=False, **small)
    other = cluster.add_node(**small)
    executor = RayCluster(cluster.address)
    scans, _ = find_scans([folder / "in"])
    records, before = [], alive()
    for record in run_batch(scans, make_job(folder / "out", (model,), threads=1), executor):
        records.append(record)
        if len(records) == kill_after:
            cluster.remove_node(other, allow_graceful=False)
            while alive() == before:  # Ray needs a while to notice
                time.sleep(0.2)
    seen = Counter(record.status for record in records)
    report = {"workers": executor.workers, "status": seen, "names": sorted(r.name for r in records)}
    report["nodes"] = [before, alive()]
    report["messages"] = [record.message for record in records if record.message]
    sys.stdout.write(f"{json.dumps(report)}\n")
    ray.shutdown()
    cluster.shutdown()


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
