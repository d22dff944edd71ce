"""What `make demo` promises: the main job on a synthetic scan, without torch, in under two minutes."""

import re
import shlex
import subprocess
import sys
import time
from pathlib import Path

import pytest

from spondyl import read_centroids, read_image, read_mask

MAKEFILE = Path(__file__).parents[1] / "Makefile"

WITHOUT_TORCH = """
import sys
sys.modules["torch"] = None  # any import of torch now fails
from spondyl.cli import main
main()
"""


def demo_commands() -> list[list[str]]:
    """The lines of the target ``demo`` that call spondyl, as words after ``spondyl``."""
    recipe = re.search(r"^demo:.*\n((?:\t.*\n)+)", MAKEFILE.read_text(encoding="utf-8"), re.MULTILINE)
    assert recipe
    lines = recipe[1].splitlines()
    return [shlex.split(line)[1:] for line in lines if line.startswith("\t$(BIN)/spondyl ")]


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder ``demo`` after running the demo in an empty place."""
    place = tmp_path_factory.mktemp("demo")
    start = time.monotonic()
    for words in demo_commands():
        done = subprocess.run(
            [sys.executable, "-c", WITHOUT_TORCH, *words],
            cwd=place,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
    assert time.monotonic() - start < 120
    return place / "demo"


def only(folder: Path, name: str) -> Path:
    (found,) = folder.rglob(name)
    return found


def test_demo_makes_a_scan_and_predicts_it():
    assert [words[0] for words in demo_commands()] == ["phantom", "predict"]


@pytest.mark.slow
def test_demo_leaves_picture_and_result(demo: Path):
    assert only(demo / "results", "preview.png").read_bytes().startswith(b"\x89PNG")
    assert only(demo / "results", "result.json").stat().st_size > 100


@pytest.mark.slow
def test_demo_finds_most_vertebrae_of_its_phantom(demo: Path):
    scan = only(demo / "scans", "*[!k].nii.gz")
    grid = read_image(scan).grid
    truth = read_centroids(only(demo / "scans", "*.lml"), grid)
    found = read_centroids(only(demo / "results", "centroids.json"), grid)
    assert len(set(truth.labels) & set(found.labels)) >= len(truth) / 2
    assert read_mask(only(demo / "results", "mask.nii.gz")).grid.is_close(grid)
