"""A browser that looks at the page."""

import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

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
def browser_page(*, draws: bool = True, **context) -> Iterator:
    """A page of Debian's chromium; skips without it.

    Args:
        draws: With WebGL; without it everything but the pictures is there, and ten times as quick.
        context: More about the window.
    """
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if CHROMIUM is None:
        pytest.skip("chromium is not installed (Debian: apt-get install chromium)")
    with sync_api.sync_playwright() as playwright:
        more = [] if draws else ["--disable-3d-apis"]
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS + more)
        page = browser.new_context(**{"viewport": {"width": 1280, "height": 720}, **context}).new_page()
        page.set_default_timeout(180_000)
        sync_api.expect.set_options(timeout=180_000)
        yield page
        browser.close()


def resting(locator):
    """Middle of an element, once it stays where it is."""
    before = None
    while (box := locator.bounding_box()) != before:
        before = box
        time.sleep(0.3)
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def drop(page, *paths: Path) -> None:
    """Drag files and folders of this machine onto the page, as a desktop does."""
    session = page.context.new_cdp_session(page)
    data = {"items": [], "files": [str(path) for path in paths], "dragOperationsMask": 1}
    for kind in ("dragEnter", "dragOver", "drop"):
        session.send("Input.dispatchDragEvent", {"type": kind, "x": 640, "y": 400, "data": data})
        page.locator("#drop").wait_for(state="hidden" if kind == "drop" else "visible")
    session.detach()


def complaints_of(page, address: str) -> list[str]:
    """What the page complains of, or asks anybody else for, from now on."""
    told: list[str] = []
    page.on("pageerror", lambda error: told.append(str(error)))
    page.on("console", lambda said: told.append(said.text) if said.type == "error" else None)
    page.on(
        "request",
        lambda asked: None if asked.url.startswith((address, "data:", "blob:")) else told.append(asked.url),
    )
    return told


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
