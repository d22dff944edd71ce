"""Cancelling, crashing, being killed: no case is lost, and none stays behind in a wrong state."""

import json
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import httpx
import psutil
import pytest
from server_client import running, send, settled

from spondyl.errors import InputError
from spondyl.server import Settings, serve
from spondyl.server.dispatcher import Dispatcher, _why_ended
from spondyl.server.layout import CaseFiles, DataFolder
from spondyl.server.store import Store
from spondyl.server.worker import _told


def wait_for(check, seconds=60):
    end = time.monotonic() + seconds
    while not (found := check()):
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)
    return found


def workers(pid=None):
    """The worker processes of this process, or another."""
    return [
        child
        for child in psutil.Process(pid).children()
        if "spondyl.server.worker" in " ".join(child.cmdline())
    ]


def test_a_running_case_is_cancelled_and_tried_again(working, scan):
    cases = [send(working, scan).json()["id"] for _ in range(3)]
    wait_for(lambda: working.get(f"/api/cases/{cases[0]}").json()["state"] == "running")
    assert working.post(f"/api/cases/{cases[1]}/cancel").json()["state"] == "cancelled"
    running = working.post(f"/api/cases/{cases[0]}/cancel")
    if running.status_code == 200:  # else it was quicker than the request
        assert running.json()["state"] == "cancelled"
        assert working.post(f"/api/cases/{cases[0]}/retry").json()["state"] == "queued"
    assert [settled(working, case)["state"] for case in cases] == ["done", "cancelled", "done"]
    assert working.post(f"/api/cases/{cases[1]}/cancel").status_code == 409
    assert working.post(f"/api/cases/{cases[2]}/retry").status_code == 409
    folder = working.context.data.case(cases[1]).folder
    assert [path.name for path in folder.iterdir()] == ["upload"]


def test_a_worker_that_dies_fails_its_case_alone(working, scan):
    settled(working, send(working, scan).json()["id"])
    (worker,) = workers()
    worker.suspend()  # so that the case is still running when the worker dies
    case = send(working, scan).json()["id"]
    wait_for(lambda: working.get(f"/api/cases/{case}").json()["state"] == "running")
    worker.kill()
    info = settled(working, case)
    assert (info["state"], "lack of memory" in info["error"]) == ("failed", True)
    assert settled(working, send(working, scan).json()["id"])["state"] == "done"


def test_a_worker_that_leaves_takes_no_further_case(working, scan, monkeypatch):
    """One that has grown ends after its case; the next one goes to a new one."""
    code = "import spondyl.server.worker as w; w._GROWN_KB = 0; w.main()"
    start = subprocess.Popen
    monkeypatch.setattr(subprocess, "Popen", lambda words, **how: start([words[0], "-c", code], **how))
    for process in workers():
        process.kill()
        process.wait(60)  # one that is about to end would be given the first case
    cases = [send(working, scan).json()["id"] for _ in range(2)]
    assert [settled(working, case).get("error") for case in cases] == [None, None]
    wait_for(lambda: not workers())


def test_an_answer_to_one_case_is_not_taken_for_the_next(working, scan, monkeypatch):
    """What the server itself stumbles over in the middle of a case."""
    move = working.context.store.move

    def broken(case, start, end, **values):
        if case == cases[0] and end == "running":
            raise RuntimeError("no such thing")
        return move(case, start, end, **values)

    monkeypatch.setattr(working.context.store, "move", broken)
    with working.context.dispatcher._lock:  # so that nothing begins before both are known
        cases = [send(working, scan).json()["id"] for _ in range(2)]
    first, second = (settled(working, case) for case in cases)
    assert (first["state"], "no such thing" in first["error"]) == ("failed", True)
    assert (second["state"], second["error"]) == ("done", None)


def test_who_waits_for_one_case_does_not_stop_the_others(working, kept, case):
    """Two requests about a case that is being exported, and one about another."""
    with ThreadPoolExecutor(2) as pool:
        with working.context.alone(case[-32:]):
            waiting = [pool.submit(working.post, f"{case}/undo") for _ in range(2)]
            time.sleep(0.2)
            assert working.get(f"{kept}/result").status_code == 200
            assert not any(one.done() for one in waiting)
        assert {one.result().status_code for one in waiting} == {422}


def test_what_nobody_expected_is_told_as_everything_else(idle, monkeypatch):
    monkeypatch.setattr(Store, "find", lambda *_: 1 / 0)
    answer = idle.get("/api/cases")
    assert (answer.status_code, answer.json()["detail"]) == (
        500,
        "the server failed unexpectedly; its log says why",
    )


def test_a_page_hears_of_every_state(working, scan):
    heard, ready = [], threading.Event()

    def listen():
        with working.stream("GET", "/api/events") as answer:
            assert answer.headers["content-type"].startswith("text/event-stream")
            kind = None
            for line in answer.iter_lines():
                ready.set()
                key, _, value = line.partition(": ")
                if key == "event":
                    kind = value
                elif key == "data":
                    heard.append((kind, json.loads(value)))
                    if kind == "deleted":
                        return

    thread = threading.Thread(target=listen, daemon=True)
    thread.start()
    assert ready.wait(20)
    case = send(working, scan).json()["id"]
    settled(working, case)
    working.delete(f"/api/cases/{case}")
    thread.join(20)
    assert not thread.is_alive()
    mine = [(kind, told) for kind, told in heard if told["id"] == case]
    assert mine[-1] == ("deleted", {"id": case})
    assert mine[-2][1]["state"] in {"done", "running"}
    assert (
        mine[-2][1].keys()
        == working.get("/openapi.json").json()["components"]["schemas"]["CaseInfo"]["properties"].keys()
    )


@contextmanager
def process(data, model):
    """A server in a process of its own, on a free port; a client, and the process."""
    words = ["serve", "--data", str(data), "--port", "0", "--model", str(model), "--threads", "1"]
    server = subprocess.Popen(
        [sys.executable, "-c", "from spondyl.cli import main; main()", *words],
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        address = server.stderr.readline().split()[-1]
        with httpx.Client(base_url=address, timeout=60) as client:
            yield client, server
    finally:
        server.kill()
        server.wait()
        server.stderr.close()


@pytest.mark.parametrize(
    ("code", "told"),
    [(-9, "lack of memory"), (-11, "crashed (signal 11)"), (1, "exit code 1"), (0, "exit code 0")],
)
def test_only_a_kill_is_blamed_on_memory(code, told):
    assert told in _why_ended(code)
    assert ("memory" in _why_ended(code)) is (code == -9)


def test_ctrl_c_is_no_failure_of_the_scan(tmp_path, reader_model, scan):
    """A terminal sends it to every process of its group at once."""
    with process(tmp_path / "data", reader_model) as (client, server):
        case = send(client, scan).json()["id"]
        wait_for(lambda: client.get(f"/api/cases/{case}").json()["state"] == "running")
        orphans = wait_for(lambda: workers(server.pid))
        os.killpg(server.pid, signal.SIGINT)
        server.wait(30)
        psutil.wait_procs(orphans, timeout=30)
    store = Store(tmp_path / "data" / "cases.sqlite")
    assert store.get(case).state in {"running", "done"}
    store.close()


def test_a_full_disk_stops_no_queue(tmp_path, monkeypatch):
    """The list cannot be written twice; then it can."""
    store, refusals = Store(tmp_path / "cases.sqlite"), iter([True, True])
    monkeypatch.setattr("spondyl.server.dispatcher._AGAIN_S", 0.01)
    monkeypatch.setattr(Dispatcher, "_work", lambda self, case: worked.append(case.id))
    worked, claim = [], store.claim

    def full():
        if next(refusals, False):
            raise sqlite3.OperationalError("database or disk is full")
        return claim()

    monkeypatch.setattr(store, "claim", full)
    store.add("a", "A")
    dispatcher = Dispatcher(store, DataFolder(tmp_path), Settings(data=tmp_path))
    dispatcher.start()
    wait_for(lambda: worked)
    dispatcher.stop()
    store.close()
    assert worked == ["a"]


def test_a_killed_server_resumes_its_jobs(tmp_path, reader_model, scan):
    with process(tmp_path / "data", reader_model) as (client, server):
        cases = [send(client, scan).json()["id"] for _ in range(3)]
        wait_for(lambda: client.get(f"/api/cases/{cases[0]}").json()["state"] == "running")
        orphans = wait_for(lambda: workers(server.pid))
        server.send_signal(signal.SIGKILL)
        server.wait()
        gone, alive = psutil.wait_procs(orphans, timeout=30)
        assert (len(gone), alive) == (1, []), "the worker outlived its server"
    (tmp_path / "data" / "incoming" / "half").mkdir()  # an upload that was cut short by the kill
    with process(tmp_path / "data", reader_model) as (client, _):
        assert [settled(client, case)["state"] for case in cases] == ["done"] * 3
        assert client.get(f"/api/cases/{cases[0]}/result").json()["vertebrae"]
        assert len(client.get("/api/cases").json()) == 3
    assert not (tmp_path / "data" / "incoming" / "half").exists()


def test_a_second_server_on_the_folder_is_refused(working):
    data = working.context.data.root
    words = ["serve", "--data", str(data), "--port", "0"]
    done = subprocess.run(
        [sys.executable, "-c", "from spondyl.cli import main; main()", *words],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr.startswith("spondyl: ")
    assert "another server is using this folder" in done.stderr


def test_an_address_in_use_is_told(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        settings = Settings.checked(data=tmp_path / "data", port=taken.getsockname()[1])
        with pytest.raises(InputError, match="cannot listen there: Address already in use"):
            serve(settings)


@pytest.mark.parametrize("where", ["upload/00000.nii.gz", "unpacked/a/b.nii", "result/mask.nii.gz"])
def test_errors_speak_of_the_senders_file(tmp_path, where):
    files = CaseFiles(tmp_path / "cases" / "0123")
    files.upload.mkdir(parents=True)
    (files.upload / "00000.nii.gz").touch()
    told = _told(f"{files.folder / where}: truncated", files, "patient")
    assert str(tmp_path) not in told
    assert told.endswith(": truncated")


def test_numbers_in_errors_are_no_names(tmp_path):
    files = CaseFiles(tmp_path / "0123")
    files.upload.mkdir(parents=True)
    (files.upload / "00000").touch()
    told = _told(f"{files.upload}/00000: 1000000 bytes, expected more (00000, 00000.5)", files, "patient")
    assert told == "patient: 1000000 bytes, expected more (patient, 00000.5)"


def test_a_case_whose_folder_is_gone_is_forgotten(tmp_path, scan):
    """Killed in the middle of deleting it: files go first."""
    with running(tmp_path / "data", work=False) as client:
        kept, gone = (send(client, scan).json()["id"] for _ in "ab")
    shutil.rmtree(tmp_path / "data" / "cases" / gone)
    with running(tmp_path / "data", work=False) as client:
        assert client.get(f"/api/cases/{gone}").status_code == 404
        assert [case["id"] for case in client.get("/api/cases").json()] == [kept]


def test_an_upload_that_cannot_be_listed_leaves_nothing(idle, scan, tmp_path, monkeypatch):
    def full(*_):
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(Store, "add", full)
    assert send(idle, scan).status_code == 507
    assert list((tmp_path / "data" / "cases").iterdir()) == []
    assert list((tmp_path / "data" / "incoming").iterdir()) == []
