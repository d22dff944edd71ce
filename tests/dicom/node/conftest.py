"""A node with short waits, and what it talks to."""

from pathlib import Path

import pytest
from node_fakes import FakeProcess, make_slices
from node_pacs import Archive, free_port

from spondyl.dicom.node import NodeConfig, Peer


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
