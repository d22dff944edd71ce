"""The misbehaving server as a fixture."""

import threading
from collections.abc import Iterator

import pytest
from datasets_helpers import LocalServer


@pytest.fixture
def server() -> Iterator[LocalServer]:
    local = LocalServer()
    thread = threading.Thread(target=local.http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield local
    local.http.shutdown()
    thread.join()
    local.http.server_close()
