"""A node with short waits, and what it talks to."""

import shutil
import subprocess
import sys
from pathlib import Path
from socketserver import BaseServer

import pytest
from node_certificates import Certificates
from node_fakes import LOOK_S, FakeProcess, make_slices
from node_pacs import PLUGINS, Archive, Orthanc, free_port, listens, wait_until

from spondyl.dicom.node import NodeConfig, Peer


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    """A node looks at its queue more often, a listener for the wish to stop; both do twice a second else."""
    monkeypatch.setattr("spondyl.dicom.node.node._LOOK_S", LOOK_S)
    monkeypatch.setattr(BaseServer.serve_forever, "__defaults__", (LOOK_S,))


@pytest.fixture
def slices():
    return make_slices()


@pytest.fixture
def archive():
    """Not listening yet."""
    return Archive()


@pytest.fixture
def settings(tmp_path, archive):
    """Makes the settings of a node that sends to ``archive``."""
    port = free_port()

    def make(**more):
        usual = {
            "store": tmp_path / "store",
            "port": port,
            "allow": ("SENDER",),
            "send_to": Peer(title=archive.title, host="127.0.0.1", port=archive.port),
            "quiet_s": 0.2,
            "patience_s": 2,
            "retry_first_s": 0.2,
            "retry_longest_s": 0.5,
            "min_free_mb": 1,
        }
        return NodeConfig(**{**usual, **more})

    return make


@pytest.fixture
def diary(tmp_path) -> Path:
    return tmp_path / "diary"


@pytest.fixture
def process(diary):
    return FakeProcess(diary)


@pytest.fixture(scope="session")
def orthanc(tmp_path_factory):
    """A real PACS on loopback; without it the test is skipped."""
    if shutil.which("Orthanc") is None or not PLUGINS.is_dir():
        pytest.skip("not installed: Debian's orthanc and orthanc-dicomweb")
    running = Orthanc(tmp_path_factory.mktemp("orthanc"))
    running.start()
    yield running
    running.stop()


@pytest.fixture(scope="session")
def certificates(tmp_path_factory):
    """An authority, and certificates that it signs."""
    return Certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture
def peer(orthanc):
    return Peer(title=orthanc.title, host="127.0.0.1", port=orthanc.port)


@pytest.fixture
def launch(settings, diary):
    """Starts a node as a program; gives its settings and the program."""
    programs = []

    def launch(trouble="", **more):
        config = settings(**more)
        words = [Path(__file__).with_name("run_node.py"), config.model_dump_json(), diary, trouble]
        program = subprocess.Popen([sys.executable, "-W", "error", *words])
        programs.append(program)
        wait_until(lambda: listens(config.port), "the node listens")
        return config, program

    yield launch
    for program in programs:
        program.kill()
        program.wait()
