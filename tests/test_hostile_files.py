"""No file, however damaged or hostile, lets anything but a SpondylError out of a reader.

The fuzzer of ``fuzz/`` looks deeper with the same readers; what it found is read here ever after.
"""

import importlib.util
import sys
import warnings
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spondyl.errors import SpondylError

FUZZ = Path(__file__).parents[1] / "fuzz"


def fuzz_module(name):
    """A module of the folder ``fuzz``, which is no package."""
    spec = importlib.util.spec_from_file_location(name, FUZZ / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


fuzz_module("dicom_slices")
fuzz_module("dicom_kinds")
READERS = fuzz_module("every_reader").READERS
SEEDS = {name: reader.seeds() for name, reader in READERS.items()}
DECODED = {"codestream", "compressed"}
"""Left to the fuzzer: each that crashes its decoder takes another half second of a processor."""
REGRESSIONS = sorted((FUZZ / "regressions").glob("*/*"))
TOKENS = (
    b"\0" * 4, b"\xff" * 4, b"\xff\xff\xff\x7f", b"\0\0\xc0\x7f", b"\0\0\x80\x7f", b"nan", b"-1",
    b"1e999", b"[[", b"\"", b"null",
    b"{}", b"\n", b"\xed\xa0\x80", b"99999999999999999999", b"9" * 5000,
)  # fmt: skip


@st.composite
def damaged(draw, seeds):
    """A good file with a few bytes overwritten, put in, taken out, or cut off."""
    content = bytearray(draw(st.sampled_from(seeds)))
    for _ in range(draw(st.integers(1, 4))):
        place = draw(st.integers(0, len(content)) | st.integers(0, min(400, len(content))))
        garbage = draw(st.binary(min_size=1, max_size=8) | st.sampled_from(TOKENS))
        kind = draw(st.sampled_from(("over", "in", "out", "end")))
        if kind == "over":
            content[place : place + len(garbage)] = garbage
        elif kind == "in":
            content[place:place] = garbage
        elif kind == "out":
            del content[place : place + draw(st.integers(1, 40))]
        elif place:
            del content[place:]
    return bytes(content)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("hostile")


@pytest.mark.parametrize("name", READERS)
def test_the_seeds_are_good(name, folder):
    if name == "model":
        pytest.skip("the networks do not lie beside model.json here")
    for seed in SEEDS[name]:
        READERS[name].run(seed, folder)


@pytest.mark.parametrize("name", sorted(READERS.keys() - DECODED))
@settings(deadline=None, max_examples=80)
@given(st.data())
def test_damage_is_told_as_an_error_of_ours_or_harmless(name, folder, data):
    content = data.draw(damaged(SEEDS[name]))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", RuntimeWarning)
        try:
            READERS[name].run(content, folder)
        except SpondylError as error:
            assert READERS[name].name.split("/")[0] in str(error)  # noqa: PT017


@pytest.mark.parametrize("path", REGRESSIONS, ids=lambda path: f"{path.parent.name}-{path.name}")
def test_what_was_found_once_stays_repaired(path, folder):
    with suppress(SpondylError):
        READERS[path.parent.name].run(path.read_bytes(), folder)
