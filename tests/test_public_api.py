"""What `import spondyl` offers, and what it must not drag in."""

import json
import subprocess
import sys
from importlib import import_module
from types import ModuleType

import pytest

import spondyl

HEAVY = {"torch", "matplotlib", "tensorboard", "openvino", "onnxruntime"}

PUBLIC = {
    "Flag",
    "Grid",
    "Numbering",
    "Spine",
    "SpondylError",
    "Vertebra",
    "Volume",
    "__version__",
    "evaluate",
    "load_pipeline",
    "predict",
    "read_centroids",
    "read_image",
    "read_mask",
    "write_centroids",
    "write_mask",
}


def modules_after(code: str) -> set[str]:
    """Top-level names in ``sys.modules`` after running ``code`` in a new interpreter."""
    report = "import sys, json; print('\\n' + json.dumps(sorted({m.split('.')[0] for m in sys.modules})))"
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\n{report}"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout.splitlines()[-1]))


def test_public_names_are_pinned():
    assert set(spondyl.__all__) == PUBLIC
    assert spondyl.__all__ == sorted(spondyl.__all__)
    assert dir(spondyl) == spondyl.__all__


@pytest.mark.parametrize("name", sorted(PUBLIC - {"__version__"}))
def test_public_name_is_what_its_module_holds(name: str):
    value = getattr(spondyl, name)
    assert callable(value)
    assert not isinstance(value, ModuleType)
    assert getattr(import_module(value.__module__), name) is value
    assert value.__doc__


def test_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'segment'"):
        spondyl.segment  # noqa: B018


def test_import_loads_nothing_heavy():
    assert not modules_after("import spondyl") & (HEAVY | {"scipy", "nibabel"})


def test_help_of_every_command_loads_nothing_heavy():
    code = """
from spondyl.cli import app

def ask_for_help(tokens):
    app([*tokens, "--help"], result_action="return_value")
    _, apps, _ = app.parse_commands(tokens)
    for name in apps[-1]:
        if not name.startswith("-"):
            ask_for_help([*tokens, name])

ask_for_help([])
"""
    assert not modules_after(code) & HEAVY


def test_core_modules_never_import_torch_or_matplotlib():
    # torch belongs to the networks and their training, matplotlib to the pictures.
    code = """
import pkgutil, importlib, spondyl
elsewhere = ("spondyl.networks", "spondyl.training", "spondyl.report")
for module in pkgutil.walk_packages(spondyl.__path__, "spondyl."):
    if not module.name.startswith(elsewhere):
        importlib.import_module(module.name)
"""
    assert not modules_after(code) & {"torch", "matplotlib", "tensorboard"}
