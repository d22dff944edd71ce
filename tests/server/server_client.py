"""A real server on a free port of this machine, in a thread, and what tests do with it."""

import threading
import time
from contextlib import contextmanager

import httpx
import numpy as np
import uvicorn
from series_written import Series

from readers import toy_scan
from spondyl.server import Settings, create_app


@contextmanager
def running(data, *, work=True, headers=None, **settings):
    """A client of a server that runs until the block ends.

    Args:
        data: Folder of its cases.
        work: Whether it has a worker.
        headers: Of every request.
        settings: More of :class:`spondyl.server.Settings`.
    """
    app = create_app(Settings.checked(data=data, threads=1, **settings), work=work)
    options = {"host": "127.0.0.1", "port": 0, "log_level": "critical", "timeout_graceful_shutdown": 1}
    server = uvicorn.Server(uvicorn.Config(app, **options))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        time.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", headers=headers, timeout=60) as client:
            client.context = app.state.context
            yield client
    finally:
        server.should_exit = True
        thread.join()


def send(client, *files, **options):
    """Send files as one case: paths, or pairs of name and content."""
    parts = [file if isinstance(file, tuple) else (file.name, file.read_bytes()) for file in files]
    return client.post("/api/cases", files=[("files", part) for part in parts], **options)


def settled(client, case, seconds=120):
    """The case once it is neither queued nor running."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        info = client.get(f"/api/cases/{case}").json()
        if info["state"] not in {"queued", "running"}:
            return info
        time.sleep(0.05)
    raise AssertionError(f"still {info['state']} after {seconds} s")


def toy_series(folder):
    """The toy scan as a folder of DICOM files, without endings."""
    scan = toy_scan(hounsfield=True).reoriented("LPS")
    hu = scan.data.transpose(2, 1, 0).astype(np.float64)
    origin = tuple(np.diag([-1.0, -1.0, 1.0]) @ scan.grid.affine[:3, 3])
    return Series(hu=hu, pixel_mm=(1.0, 1.0), step_mm=1.0, origin=origin).write(folder)
