"""Rules of the house that no linter checks; see CONTRIBUTING.md."""

import ast
import re
import tomllib
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest

import spondyl

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src"
MODULES = sorted((SOURCE / "spondyl").rglob("*.py"))
LIBRARY = [path for path in MODULES if "cli" not in path.parts]

LONGEST_MODULE = 300
LONGEST_FUNCTION = 60
LONGEST_COMMAND = 40
TOO_LONG: dict[str, str] = {}
"""Path of a module that may be longer -> why. Meant to stay empty."""

FORBIDDEN_IN_LIBRARY = {
    "print": "log instead",
    "input": "take an argument instead",
    "exit": "raise an error instead",
    "sys.exit": "raise an error instead",
    "os.environ": "take an argument instead",
    "os.getenv": "take an argument instead",
    "warnings.filterwarnings": "repair the cause instead",
    "warnings.simplefilter": "repair the cause instead",
    "pickle.dump": "nothing is pickled: safetensors, JSON or npz instead",
    "pickle.dumps": "nothing is pickled: safetensors, JSON or npz instead",
    "pickle.load": "nothing is pickled: safetensors, JSON or npz instead",
    "pickle.loads": "nothing is pickled: safetensors, JSON or npz instead",
}


def name_of(path: Path) -> str:
    return str(path.relative_to(SOURCE))


def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def is_public(path: Path) -> bool:
    return not any(part.startswith("_") and part != "__init__.py" for part in path.parts)


def dotted_names(tree: ast.AST) -> Iterator[str]:
    """Every name, attribute path and import in a module, e.g. ``os.environ``."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Name | ast.Attribute):
            yield ast.unparse(node)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
            yield str(node.module)


def code_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines of a function, its signature counted and its docstring not."""
    lines = (function.end_lineno or 0) - function.lineno + 1
    first = function.body[0]
    if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
        lines -= (first.end_lineno or 0) - first.lineno + 1
    return lines


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def test_modules_are_found():
    assert len(MODULES) > 20
    assert LIBRARY != MODULES


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_module_is_short(path: Path):
    lines = len(path.read_text(encoding="utf-8").splitlines())
    if name_of(path) in TOO_LONG:
        assert lines > LONGEST_MODULE, "short again: take it off the list"
    else:
        assert lines <= LONGEST_MODULE, "split it: one concept, one file"


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_functions_are_short(path: Path):
    limit = LONGEST_COMMAND if "cli" in path.parts else LONGEST_FUNCTION
    long = {f.name: code_lines(f) for f in functions(path) if code_lines(f) > limit}
    assert not long, f"more than {limit} lines"


@pytest.mark.parametrize("path", LIBRARY, ids=name_of)
def test_library_code_keeps_to_itself(path: Path):
    used = sorted(set(dotted_names(parsed(path))) & FORBIDDEN_IN_LIBRARY.keys())
    assert not used, "; ".join(f"{name}: {FORBIDDEN_IN_LIBRARY[name]}" for name in used)


@pytest.mark.parametrize("path", [p for p in MODULES if is_public(p.relative_to(SOURCE))], ids=name_of)
def test_public_module_says_what_it_offers(path: Path):
    dotted = ".".join(path.relative_to(SOURCE).with_suffix("").parts).removesuffix(".__init__")
    assert ast.get_docstring(parsed(path)), "a module needs a docstring"
    module = import_module(dotted)
    assert hasattr(module, "__all__"), "a public module needs __all__"
    missing = [name for name in module.__all__ if not hasattr(module, name)]
    assert not missing, "named in __all__ but not there"


def test_rules_see_what_they_forbid():
    tree = ast.parse("import os\nfrom os import getenv\nprint(os.environ['HOME'])\nfrom pickle import load")
    assert set(dotted_names(tree)) >= {"print", "os.environ", "os.getenv", "pickle.load"}


def test_changelog_has_this_version():
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert re.search(rf"^## {re.escape(spondyl.__version__)}\b", text, re.MULTILINE)


def test_citation_has_this_version():
    text = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert re.search(rf'^version: "?{re.escape(spondyl.__version__)}"?$', text, re.MULTILINE)


def test_extra_all_names_every_extra():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    (everything,) = extras["all"]
    named = everything.removeprefix("spondyl[").removesuffix("]").split(",")
    assert sorted(named) == sorted(extras.keys() - {"all"})
