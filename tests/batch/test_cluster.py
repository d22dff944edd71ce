"""A real Ray cluster of two nodes on this machine, one of them killed half-way."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace

import pytest

from spondyl.batch import RayCluster, read_manifest
from spondyl.batch.executors.cluster import _Crew
from spondyl.errors import MissingDependencyError, WorkerError
from spondyl.result import read_result

needs_ray = pytest.mark.skipif(
    find_spec("ray") is None, reason="ray is not installed: pip install 'spondyl[ray]'"
)


@needs_ray
@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_lost_node_costs_no_scan(many_scans, reader_model, tmp_path):
    scans = many_scans(8)
    program = Path(__file__).with_name("ray_program.py")
    done = subprocess.run(
        [sys.executable, program, tmp_path, reader_model, "3"],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "RAY_worker_niceness": "0"},  # on a busy machine the polite 15 never ends
    )
    assert done.returncode == 0, done.stderr
    report = json.loads(next(line for line in done.stdout.splitlines() if line.startswith("{")))
    names = [scan.name for scan in scans]
    assert report["workers"] == 2
    assert report["nodes"] == [2, 1]
    assert report["names"] == names  # each once
    # A scan whose result was on the disk when its node was lost is found done by the next worker.
    assert set(report["status"]) <= {"done", "skipped"}
    assert set(report["messages"]) <= {"done before"}
    assert sorted(record.name for record in read_manifest(tmp_path / "out")) == names
    for scan in scans:
        assert read_result(tmp_path / "out" / scan.name, mask=True).names == ("L1", "L2", "S1")
    assert sorted(p.name for p in (tmp_path / "out").iterdir() if p.suffix != ".jsonl") == names


class _FakeRay:
    """As much of ray as one actor needs whose work never ends."""

    class RayError(Exception):
        pass

    class RayTaskError(RayError):
        pass

    def __init__(self):
        self.exceptions = self
        self.killed = False

    def remote(self, **_):
        call = SimpleNamespace(remote=lambda *_: object())
        return lambda _: SimpleNamespace(remote=lambda _: SimpleActor(call, call))

    def wait(self, answers, *, num_returns, timeout):
        assert num_returns == 1
        assert timeout is not None
        return (answers[:1] if self.killed else [], [])

    def get(self, _):
        raise self.RayError("gone")

    def kill(self, _):
        self.killed = True

    def nodes(self):
        return [{"Alive": False}]


@dataclass(frozen=True, eq=False)
class SimpleActor:
    """Its methods can be called from afar."""

    load: object
    process: object


def test_an_actor_that_is_overdue_is_ended_and_says_why():
    crew = _Crew(_FakeRay(), {}, None)
    crew.hire()
    (actor,) = crew._waiting
    crew.ready.append(actor)
    assert crew.hear(0.1) == (None, None)
    crew.end_overdue(actor, "not done after 5 s")
    assert crew.hear(0.0) == (actor, "not done after 5 s")
    assert crew.dismiss(actor)


def test_a_cluster_without_machines_is_not_waited_for():
    crew = _Crew(_FakeRay(), {}, None)
    crew.hire()
    with pytest.raises(WorkerError, match="no machine"):
        crew.hear(None)


def test_without_ray_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingDependencyError, match=r"spondyl\[ray\]"):
        RayCluster()
