"""The tiny exact model of tests/readers.py, a scan it can read, and a server that has done it."""

import pytest
from hypothesis import settings
from server_client import running, send, settled

from readers import toy_scan, write_reader_model
from spondyl.io import write_image

settings.register_profile("long", max_examples=1200)


@pytest.fixture(scope="session")
def reader_model(tmp_path_factory):
    """Folder of a two-stage model that reads the label off the image."""
    return write_reader_model(tmp_path_factory.mktemp("reader"))


@pytest.fixture(scope="session")
def scan(tmp_path_factory):
    """A toy scan as a file: L1, L2 and S1."""
    path = tmp_path_factory.mktemp("scan") / "patient.nii.gz"
    write_image(toy_scan(hounsfield=True), path)
    return path


@pytest.fixture(scope="package")
def working(tmp_path_factory, reader_model):
    """Client of a server with a worker, shared by the tests."""
    with running(tmp_path_factory.mktemp("working"), model=reader_model) as client:
        yield client


@pytest.fixture
def idle(tmp_path):
    """Client of a server without a worker."""
    with running(tmp_path / "data", work=False) as client:
        yield client


@pytest.fixture(scope="package")
def kept(working, scan):
    """The same for all tests that change nothing."""
    info = settled(working, send(working, scan).json()["id"])
    assert info["state"] == "done", info["error"]
    return f"/api/cases/{info['id']}"


@pytest.fixture
def case(working, scan):
    """A case that is done, on the server ``working``: its address."""
    info = settled(working, send(working, scan).json()["id"])
    assert info["state"] == "done", info["error"]
    return f"/api/cases/{info['id']}"
