"""The files of the page: what they may hold, and that they say the same as the program."""

import hashlib
import json
import re
from pathlib import Path

import pytest

from spondyl.anatomy import COLOURS, NAMES, ORDER

STATIC = Path(__file__).parents[2] / "src" / "spondyl" / "server" / "static"
OWN = sorted(path for path in STATIC.rglob("*") if path.is_file() and "vendor" not in path.parts)
MODULES = [path for path in OWN if path.suffix == ".js"]
LONGEST = 300


def name_of(path: Path) -> str:
    return str(path.relative_to(STATIC))


def test_names_and_colours_are_the_programs():
    table = re.search(r"VERTEBRAE = (\[.*?\n\]);", (STATIC / "anatomy.js").read_text(), re.DOTALL)
    rows = json.loads(re.sub(r",\s*\]", "]", table[1]))
    assert rows == [[NAMES[label], label, *COLOURS[label]] for label in ORDER]


@pytest.mark.parametrize("path", OWN, ids=name_of)
def test_nothing_comes_from_elsewhere(path):
    text = path.read_text(encoding="utf-8")
    assert set(re.findall(r"https?://[^\s\"'`)]+", text)) <= {"http://www.w3.org/2000/svg"}


def test_markup_holds_no_code():
    markup = (STATIC / "index.html").read_text(encoding="utf-8")
    assert re.findall(r"<script(?![^>]*\bsrc=)", markup) == []
    assert re.findall(r"\s(?:on\w+|style)=", markup) == []


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_modules_are_short_and_explained(path):
    lines = path.read_text(encoding="utf-8").splitlines()
    assert len(lines) <= LONGEST
    assert lines[0].startswith("// ")


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_one_file_knows_niivue(path):
    knows = "vendor/" in path.read_text(encoding="utf-8")
    assert knows == (name_of(path) == "viewer/niivue.js")


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_imports_lead_somewhere(path):
    for target in re.findall(r"from \"([^\"]+)\"", path.read_text(encoding="utf-8")):
        assert (path.parent / target).is_file(), target


def test_niivue_is_as_published():
    folder = STATIC / "vendor" / "niivue"
    note = (folder / "README.md").read_text(encoding="utf-8")
    digest = hashlib.sha256((folder / "index.js").read_bytes()).hexdigest()
    assert digest in note
    assert "BSD 2-Clause" in (folder / "LICENSE").read_text(encoding="utf-8")
