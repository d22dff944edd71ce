"""The worst day: the node is killed in the middle of its work and started again."""

import socket
import subprocess
import sys
import threading
from pathlib import Path

import psutil
import pytest
from node_pacs import Archive, calling, send, wait_until

from spondyl.dicom.node.queue import StudyQueue
from spondyl.dicom.node.study import State
from spondyl.dicom.node.upkeep import list_studies


@pytest.fixture
def launch(settings, diary):
    """Starts a node as a program; gives the program."""
    programs = []

    def launch(trouble="", **more):
        config = settings(**more)
        program = subprocess.Popen(
            [
                sys.executable,
                "-W",
                "error",
                Path(__file__).with_name("run_node.py"),
                config.model_dump_json(),
                diary,
                trouble,
            ]
        )
        programs.append(program)
        wait_until(lambda: listens(config.port), "the node listens")
        return config, program

    yield launch
    for program in programs:
        program.kill()
        program.wait()


def listens(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def kill(program):
    """SIGKILL to the node alone; whatever it started must end by itself."""
    children = psutil.Process(program.pid).children(recursive=True)
    program.kill()
    program.wait()
    psutil.wait_procs(children, timeout=20)
    assert not [child for child in children if child.is_running()]


def states(config):
    queue = StudyQueue(config.store / "queue.sqlite")
    found = [study.state for study in list_studies(queue)]
    queue.close()
    return found


def wait_done(config):
    wait_until(lambda: states(config) == [State.DONE], "the study is done")


def test_killed_while_receiving(launch, archive, slices, diary):
    with archive.listening():
        config, program = launch(patience_s=30)
        with calling(config.port) as association:
            assert [association.send_c_store(slice_).Status for slice_ in slices[:2]] == [0, 0]
            kill(program)
        (config.store / "incoming" / "half.dcm").write_bytes(b"half an object")
        launch(patience_s=30)
        assert states(config) == [State.RECEIVED]
        assert list((config.store / "incoming").iterdir()) == []
        # A sender sends again what was not acknowledged; what was acknowledged is still there.
        send(config.port, slices[2:])
        wait_done(config)
    assert diary.read_text().split() == ["begin", "end", "3"]
    assert len(set(archive.got)) == len(archive.got) == 2


def test_killed_while_processing(launch, archive, slices, diary):
    with archive.listening():
        config, program = launch("hangs once")
        send(config.port, slices)
        wait_until(diary.exists, "processing begins")
        kill(program)
        launch("hangs once")
        wait_done(config)
    assert diary.read_text().split("\n") == ["begin", "begin", "end 3", ""]
    assert len(set(archive.got)) == len(archive.got) == 2


def test_killed_while_sending(launch, slices, archive, diary):
    killed = threading.Event()

    def stalls_at_the_second(count):
        if count == 2:
            killed.wait(30)
        return 0x0000

    slow = Archive(stalls_at_the_second, archive.port)
    with slow.listening():
        config, program = launch()
        send(config.port, slices)
        wait_until(lambda: len(slow.got) == 2, "the second result is on its way")
        kill(program)
        killed.set()
        launch()
        wait_done(config)
    assert diary.read_text().split() == ["begin", "end", "3"]  # results are kept, not made again
    first, second, again = slow.got  # the one without an answer goes again, as the same instance
    assert first != second == again


def test_sigterm(launch, slices, diary):
    config, program = launch("hangs")
    send(config.port, slices)
    wait_until(diary.exists, "processing begins")
    program.terminate()
    assert program.wait(timeout=30) == 0
    assert states(config) == [State.QUEUED]
