"""``spondyl node`` as people use it: options, the queue, signals, the log."""

import json
import signal
import socket
import subprocess
import sys
import time

import pytest

from spondyl.cli import app
from spondyl.dicom.node.queue import StudyQueue
from spondyl.dicom.node.store import Store
from spondyl.dicom.node.study import Instance, Stage
from spondyl.errors import InputError


@pytest.fixture
def store(tmp_path):
    """A store with study 1 given up and study 2 received."""
    place = Store(tmp_path / "store")
    queue = StudyQueue(place.queue)
    for uid in ("1.2.3", "1.2.4"):
        number = queue.open(uid, "SENDER").id
        queue.add(number, Instance("1.2.9", "hash", 5_000_000), "SENDER", complete_in=0)
        if number == 1:
            place.received(number).mkdir(parents=True)
            queue.ripen()
            queue.failed(queue.claim(Stage.PROCESS), "no readable [series]", retry_in=None)
    queue.close()
    return place.root


def typed(capsys, *words):
    code = app(["node", "queue", *map(str, words)], result_action="return_value")
    return code, capsys.readouterr().out


def test_the_queue_is_shown(store, capsys):
    code, said = typed(capsys, "list", "--store", store)
    assert code == 1
    heading, first, error, second, total = said.splitlines()
    assert (first.split()[:5], first.split()[-1]) == (["1", "dead", "SENDER", "1", "5.0"], "1.2.3")
    assert (error.strip(), total) == ("no readable [series]", "1 received, 1 dead")
    assert second.index("1.2.4") == heading.index("UID")
    assert "1.2.3" not in typed(capsys, "list", "received", "--store", store)[1]
    told = json.loads(typed(capsys, "list", "dead", "--json", "--store", store)[1])
    assert (told["counts"]["dead"], [study["id"] for study in told["studies"]]) == (1, [1])


def test_retry_and_drop(store, capsys):
    assert "study 1: will be tried again" in typed(capsys, "retry", "--all", "--store", store)[1]
    assert typed(capsys, "list", "--store", store)[0] == 0
    typed(capsys, "drop", "1", "2", "--store", store)
    code, said = typed(capsys, "list", "--store", store)
    assert (code, said.splitlines()[-1]) == (0, "no studies")
    with pytest.raises(InputError, match="not in the queue"):
        typed(capsys, "retry", "1", "--store", store)


@pytest.mark.parametrize("what", ["retry", "drop"])
def test_no_study_named(store, capsys, what):
    """Silence would be taken for success."""
    with pytest.raises(InputError, match="name studies by their numbers"):
        typed(capsys, what, "--store", store)


def test_retry_all_goes_past_one_that_cannot_be(store, capsys):
    queue = StudyQueue(store / "queue.sqlite")
    with queue.database.change() as run:
        run("UPDATE study SET state = 'failed'")
    queue.close()
    Store(store).received(2).mkdir(parents=True)
    Store(store).received(1).rmdir()
    app(["node", "queue", "retry", "--all", "--store", str(store)], result_action="return_value")
    said = capsys.readouterr()
    assert (said.out, "study 1: its files are deleted" in said.err) == (
        "study 2: will be tried again\n",
        True,
    )


def test_no_node_there(tmp_path, capsys):
    with pytest.raises(InputError, match="folder of a node"):
        typed(capsys, "list", "--store", tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_wrong_settings_are_refused(tmp_path):
    for words in (["--host", "0.0.0.0"], ["--send-to", "PACS"], []):
        store = ["--store", str(tmp_path / "store")] if words else []
        with pytest.raises(InputError, match=r"allow|TITLE@HOST:PORT|store"):
            app(["node", *words, *store], result_action="return_value")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_run_until_sigterm(tmp_path):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    (tmp_path / "node.yaml").write_text(f"store: {tmp_path / 'store'}\nport: {port}\nallow: [PACS]\n")
    words = [sys.executable, "-m", "spondyl", "node", "--config", tmp_path / "node.yaml"]
    with subprocess.Popen([*words, "--log", tmp_path / "log"], stderr=subprocess.PIPE) as program:
        while not (tmp_path / "log").exists() or "listens" not in (tmp_path / "log").read_text():
            assert program.poll() is None, program.stderr.read()
            time.sleep(0.1)
        program.send_signal(signal.SIGTERM)
        assert (program.wait(timeout=60), program.stderr.read()) == (0, b"")
    begun, ended = (tmp_path / "log").read_text().splitlines()
    assert begun.endswith(
        f"INFO spondyl.dicom.node.node: SPONDYL listens on 127.0.0.1 port {port}; 0 studies resumed"
    )
    assert ended.endswith("SPONDYL stopped")
