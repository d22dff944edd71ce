"""Several processes: killed workers, interrupted runs, runs that meet."""

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import closing
from dataclasses import dataclass, replace

import psutil
import pytest

from spondyl.batch import InProcess, ProcessPool, Scan, read_manifest, run_batch
from spondyl.batch.records import Task, killed
from spondyl.errors import ModelError, WorkerError
from spondyl.result import read_result


@dataclass(frozen=True)
class DeadlyScan(Scan):
    """Kills the worker that reads it, as the system does when memory runs out."""

    def read(self):
        os.kill(os.getpid(), signal.SIGKILL)


@dataclass(frozen=True)
class EndlessScan(Scan):
    """Is never read to its end."""

    def read(self):
        time.sleep(1000)


def _whole(out):
    """Names of the results, each checked; nothing else may be there."""
    names = sorted(path.name for path in out.iterdir() if path.name != "manifest.jsonl")
    assert not [name for name in names if name.startswith(".")]
    assert all(read_result(out / name, mask=True).names == ("L1", "L2", "S1") for name in names)
    return names


def test_a_killed_worker_costs_the_deadly_scan_only(job, many_scans, tmp_path):
    scans = many_scans(4)
    deadly = DeadlyScan("deadly", scans[0].path)
    records = {r.name: r for r in run_batch([scans[0], deadly, *scans[1:]], job(), ProcessPool(2))}
    assert {name for name, record in records.items() if record.bad} == {"deadly"}
    assert "SIGKILL" in records["deadly"].message
    assert "memory" in records["deadly"].message
    lines = [record.name for record in read_manifest(tmp_path / "out")]
    assert sorted(lines) == sorted(records)  # each once

    # and the next run does not walk into the same trap
    again = {r.name: r for r in run_batch([deadly, *scans], job(), InProcess())}
    assert {record.status for record in again.values()} == {"skipped"}
    assert again["deadly"].bad
    assert _whole(tmp_path / "out") == [scan.name for scan in scans]


@pytest.mark.parametrize(("how", "memory"), [("killed by SIGKILL", True), ("killed by SIGSEGV", False)])
def test_only_a_kill_is_blamed_on_memory(job, scan_file, how, memory):
    message = killed(Task(Scan("scan", scan_file)), job(), how).message
    assert how in message
    assert ("memory" in message) is memory


def test_a_scan_that_takes_for_ever_is_given_up(job, many_scans, tmp_path):
    scans = many_scans(4)
    endless = EndlessScan("endless", scans[0].path)
    pool = ProcessPool(2, limit_s=8)
    records = {r.name: r for r in run_batch([scans[0], endless, *scans[1:]], job(), pool)}
    assert {name for name, record in records.items() if record.bad} == {"endless"}
    assert "not done after 8 s" in records["endless"].message
    assert "--time-limit" in records["endless"].message
    again = {r.name: r for r in run_batch([endless, *scans], job(), InProcess())}
    assert {record.status for record in again.values()} == {"skipped"}


def test_a_run_in_this_process_ends_though_a_scan_does_not(job, many_scans, monkeypatch, caplog):
    monkeypatch.setattr("spondyl.batch.executors.inprocess._GRACE_S", 0.5)
    (scan,) = many_scans(1)
    with closing(run_batch([scan, EndlessScan("endless", scan.path)], job(), InProcess())) as records:
        assert next(records).name == "scan00"
    assert "did not stop" in caplog.text


def test_a_model_that_the_workers_cannot_use_ends_the_run(job, many_scans):
    with pytest.raises(ModelError, match="another model"):
        list(run_batch(many_scans(1), replace(job(), fingerprint="0" * 64), ProcessPool(1)))


def test_workers_that_never_live_end_the_run(job, many_scans, monkeypatch):
    monkeypatch.setattr("spondyl.batch.executors.processes._serve", os.abort)  # takes no arguments: it fails
    with pytest.raises(WorkerError, match="died while starting"):
        list(run_batch(many_scans(1), job(), ProcessPool(1)))


def test_a_stopped_run_leaves_whole_results_and_no_process(job, many_scans, tmp_path):
    with closing(run_batch(many_scans(6), job(), ProcessPool(2))) as records:
        first = next(records)
    assert first.name in _whole(tmp_path / "out")
    assert not [child for child in psutil.Process().children() if "spawn_main" in " ".join(child.cmdline())]


PROGRAM = """
import signal
import time
from spondyl.batch import Scan
from spondyl.cli import main

def slowly(scan, read=Scan.read):
    time.sleep(1)
    return read(scan)

Scan.read = slowly  # in the workers, too: they load this file again
if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)  # shells switch it off in the background
    main()
"""


@pytest.fixture
def program(tmp_path, reader_model, many_scans):
    """``spondyl predict`` in a process of its own, on scans of one second each."""
    (tmp_path / "program.py").write_text(PROGRAM)
    many_scans(4)

    def start(*options):
        words = ["predict", tmp_path / "in", "-o", tmp_path / "out", "--model", reader_model, *options]
        command = [sys.executable, tmp_path / "program.py", *map(str, words)]
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    return start


def _wait_for_a_line(out):
    while not (out / "manifest.jsonl").exists():
        time.sleep(0.05)


@pytest.mark.parametrize(("sent", "code", "count"), [(signal.SIGINT, 130, 2), (signal.SIGTERM, 143, 1)])
def test_interrupted_from_outside(program, tmp_path, sent, code, count):
    process = program("--workers", count)
    _wait_for_a_line(tmp_path / "out")
    workers = psutil.Process(process.pid).children()
    process.send_signal(sent)
    _, said = process.communicate(timeout=120)
    assert process.returncode == code, said
    assert "Traceback" not in said
    assert psutil.wait_procs(workers, timeout=10)[1] == []
    before = _whole(tmp_path / "out")
    again = program("--json")
    printed, said = again.communicate(timeout=120)
    assert again.returncode == 0, said
    results = {result["name"]: result["status"] for result in json.loads(printed)["results"]}
    assert sorted(name for name, status in results.items() if status == "skipped") == before
    assert len(results) == 4


def test_two_runs_at_once_share_the_scans(program, tmp_path):
    runs = [program(), program()]
    for run in runs:
        _, said = run.communicate(timeout=120)
        assert run.returncode == 0, said
    assert len(_whole(tmp_path / "out")) == 4
    lines = [json.loads(line) for line in (tmp_path / "out" / "manifest.jsonl").read_text().splitlines()]
    assert len(lines) == 8
    done = [line["name"] for line in lines if line["status"] == "done"]
    assert sorted(done) == [f"scan{number:02}" for number in range(4)]
