"""A server with the page on a port of its own, and a browser that looks at it."""

import shutil
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

TOKEN = "a token of some length"
CHROMIUM = shutil.which("chromium")
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu-sandbox",
    "--use-gl=angle",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
"""WebGL by the processor, and nothing sent anywhere."""


@contextmanager
def running_server(data: Path) -> Iterator[str]:
    """The address of a server that works in this process."""
    uvicorn = pytest.importorskip("uvicorn")
    from spondyl.server.app import create_app
    from spondyl.server.settings import Settings

    settings = Settings.checked(data=data, token=TOKEN, threads=1)
    listening = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(create_app(settings), log_level="warning", timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(20)
        listening.close()


@contextmanager
def browser_page(**context) -> Iterator:
    """A page of Debian's chromium; skips without it."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if CHROMIUM is None:
        pytest.skip("chromium is not installed (Debian: apt-get install chromium)")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        page = browser.new_context(viewport={"width": 1280, "height": 720}, **context).new_page()
        page.set_default_timeout(180_000)
        sync_api.expect.set_options(timeout=180_000)
        yield page
        browser.close()


def painted(page, plane: str, colour: tuple[int, int, int], *, within: int = 40) -> int:
    """Pixels of a picture whose hue is that of a vertebra, counted once two screenshots agree."""
    cell = page.locator(f"[data-plane={plane}]")
    before = None
    for _ in range(40):
        pixels = _rgb(cell.screenshot())
        if before is not None and np.array_equal(pixels, before):
            break
        before = pixels
        time.sleep(0.1)
    rest = pixels - pixels.min(axis=2, keepdims=True)
    strength = rest.max(axis=2)
    wanted = np.array(colour, float) - min(colour)
    scaled = rest / np.maximum(strength, 1)[..., None] * wanted.max()
    return int(((strength > 30) & (np.abs(scaled - wanted).max(axis=2) < within)).sum())


def _rgb(png: bytes) -> np.ndarray:
    from io import BytesIO

    from PIL import Image

    return np.asarray(Image.open(BytesIO(png)).convert("RGB"), float)
