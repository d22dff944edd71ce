"""The documents keep their word: code runs, commands parse, links lead somewhere."""

import ast
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cyclopts
import pytest

from spondyl.cli import app

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = sorted([*ROOT.glob("*.md"), *DOCS.rglob("*.md")])

FENCE = re.compile(
    r"^(?P<indent> *)(?P<fence>```+) *(?P<language>\w*)[^\n]*\n(?P<code>.*?)^(?P=indent)(?P=fence) *$",
    re.DOTALL | re.MULTILINE,
)
LINK = re.compile(r"\]\((?P<target>[^)\s]+)[^)]*\)")
RUNNABLE = "<!-- runnable -->"
SHELLS = {"bash", "console", "sh", "shell"}
SOMEBODYS_FOLDER = re.compile(r"(?<![\w.~:/])/(home|root|Users|mnt|opt|tmp|work)/")


@dataclass(frozen=True)
class Block:
    """A fenced block of a page, and the line it starts on."""

    page: Path
    line: int
    language: str
    code: str
    runnable: bool


def blocks(page: Path) -> Iterator[Block]:
    text = page.read_text(encoding="utf-8")
    for match in FENCE.finditer(text):
        before = text[: match.start()].rstrip().rsplit("\n", 1)[-1].strip()
        yield Block(
            page,
            text.count("\n", 0, match.start()) + 1,
            match["language"],
            match["code"].replace("\n" + match["indent"], "\n").removeprefix(match["indent"]),
            before == RUNNABLE,
        )


def commands(block: Block) -> Iterator[list[str]]:
    """The simple commands of a shell block: continued lines joined, prompts, pipes and redirections cut."""
    for line in block.code.replace("\\\n", " ").splitlines():
        tokens = shlex.split(line.removeprefix("$ "), comments=True)
        while tokens:
            end = next(
                (i for i, t in enumerate(tokens) if t in {"|", "&&", ";", ">", ">>", "2>"}), len(tokens)
            )
            if tokens[:end]:
                yield tokens[:end]
            if end < len(tokens) and tokens[end].endswith(">"):
                end += 1  # a redirection takes a file name, not a command
            tokens = tokens[end + 1 :]


BLOCKS = [block for page in PAGES for block in blocks(page)]
PYTHON = [block for block in BLOCKS if block.language == "python"]
COMMANDS = [(block, tokens) for block in BLOCKS if block.language in SHELLS for tokens in commands(block)]


def place(value: Any) -> str:
    match value:
        case Block(page=page, line=line):
            return f"{page.relative_to(ROOT)}:{line}"
        case Path():
            return str(value.relative_to(ROOT))
        case list():
            return " ".join(value)
    return repr(value)


def relative_links(page: Path) -> Iterator[str]:
    prose = FENCE.sub("", page.read_text(encoding="utf-8"))
    for match in LINK.finditer(prose):
        if not re.match(r"[a-z]+:", match["target"]):
            yield match["target"]


def anchors(page: Path) -> set[str]:
    """Anchors of a page's headings, as GitHub and the site make them."""
    prose = FENCE.sub("", page.read_text(encoding="utf-8"))
    headings = re.findall(r"^#+ +(.*?) *$", prose, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", h.replace("`", "")).strip().lower().replace(" ", "-") for h in headings}


def nav_pages(entries: list[Any]) -> Iterator[str]:
    for entry in entries:
        for target in entry.values() if isinstance(entry, dict) else [entry]:
            if isinstance(target, list):
                yield from nav_pages(target)
            else:
                yield target


def test_documents_hold_code_and_commands():
    assert len(PAGES) > 10
    assert any(block.runnable for block in PYTHON)
    assert any(tokens[:2] == ["spondyl", "predict"] for _, tokens in COMMANDS)


@pytest.mark.parametrize("block", PYTHON, ids=place)
def test_python_block_compiles(block: Block):
    ast.parse(block.code.replace(">>> ", "").replace("... ", "") if ">>> " in block.code else block.code)


@pytest.mark.parametrize("page", sorted({b.page for b in PYTHON if b.runnable}), ids=place)
def test_runnable_python_runs(page: Path, tmp_path: Path):
    """The runnable blocks of a page run one after another, as one program in an empty folder."""
    code = "\n".join("\n" * 2 + b.code for b in PYTHON if b.page == page and b.runnable)
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(("block", "tokens"), [c for c in COMMANDS if c[1][0] == "spondyl"], ids=place)
def test_command_parses(block: Block, tokens: list[str]):
    app.parse_args(tokens[1:], exit_on_error=False, print_error=False)


@pytest.mark.parametrize(("block", "tokens"), [c for c in COMMANDS if c[1][0] == "make"], ids=place)
def test_make_target_exists(block: Block, tokens: list[str]):
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for word in tokens[1:]:
        assert "=" in word or re.search(rf"^{re.escape(word)}:", makefile, re.MULTILINE)


def test_parsing_sees_mistakes():
    with pytest.raises(cyclopts.UnknownCommandError):
        app.parse_args(["predikt", "scan.nii.gz"], exit_on_error=False, print_error=False)
    with pytest.raises(cyclopts.UnknownOptionError):
        app.parse_args(["phantom", "out", "--colour"], exit_on_error=False, print_error=False)


def test_shell_lines_are_split():
    code = "$ make demo && spondyl predict a b \\\n  -o out > log # see\nspondyl show x | head\n"
    block = Block(ROOT, 1, "console", code, runnable=False)
    assert list(commands(block)) == [
        ["make", "demo"],
        ["spondyl", "predict", "a", "b", "-o", "out"],
        ["spondyl", "show", "x"],
        ["head"],
    ]


@pytest.mark.parametrize("page", PAGES, ids=place)
def test_links_lead_somewhere(page: Path):
    for link in relative_links(page):
        target, _, anchor = link.partition("#")
        found = page.parent / target if target else page
        assert found.exists(), link
        if anchor and found.suffix == ".md":
            assert anchor in anchors(found), link
        if page.is_relative_to(DOCS):
            assert found.resolve().is_relative_to(DOCS), f"{link} leads out of the site"


def test_every_page_of_the_site_is_in_its_navigation():
    site = tomllib.loads((ROOT / "zensical.toml").read_text(encoding="utf-8"))["project"]
    assert sorted(nav_pages(site["nav"])) == sorted(str(p.relative_to(DOCS)) for p in DOCS.rglob("*.md"))


@pytest.mark.parametrize("page", PAGES, ids=place)
def test_no_folder_of_somebodys_machine(page: Path):
    assert not SOMEBODYS_FOLDER.search(page.read_text(encoding="utf-8"))
