"""``spondyl shift`` and ``spondyl relabel`` as typed."""

import pytest

from readers import toy_scan
from spondyl.anatomy import LABEL_OF
from spondyl.cli import app
from spondyl.errors import AnnotationError, InputError
from spondyl.outputs import write_outputs
from spondyl.result import read_result
from spondyl.spine import Spine


@pytest.fixture
def results(tmp_path):
    """Results of two scans, a and b: T11, T12, L1."""
    volume = toy_scan()
    spine = Spine.from_centroids(
        {LABEL_OF[name]: (31, 20, 60 - 20 * place) for place, name in enumerate(("T11", "T12", "L1"))}
    )
    for name in ("a", "b"):
        write_outputs(spine, volume, tmp_path / "out" / name)
    return tmp_path / "out"


def run(*words):
    app([str(word) for word in words], result_action="return_value")


def names(folder):
    return " ".join(read_result(folder).names)


def test_shift_there_and_back(results, capsys):
    run("shift", results / "a", "--by", 1)
    assert names(results / "a") == "T12 L1 L2"
    shown = capsys.readouterr().out.strip()
    assert shown == "T12 (the model: T11), L1 (the model: T12), L2 (the model: L1)"
    run("shift", results / "a", "--by", "-1")
    assert names(results / "a") == "T11 T12 L1"
    assert capsys.readouterr().out.strip() == "T11, T12, L1"


def test_relabel_one_of_many_scans(results):
    run("relabel", results, "t12=l1", "--scan", "b")
    assert names(results / "b") == "T12 L1 L2"
    assert names(results / "a") == "T11 T12 L1"
    run("relabel", results, "--undo", "--scan", "b")
    assert names(results / "b") == "T11 T12 L1"


def test_only_some(results):
    run("relabel", results / "a", "L1=L2", "T12=L1", "--only")
    assert names(results / "a") == "T11 L1 L2"


def test_which_scan_must_be_said(results):
    with pytest.raises(AnnotationError, match=r"holds the results a, b; give one of them, such as .*a$"):
        run("shift", results, "--by", 1)
    with pytest.raises(AnnotationError, match=r"none is called c"):
        run("shift", results, "--by", 1, "--scan", "c")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("T12",), r"'T12': expected NOW=RIGHT, as in T12=L1"),
        (("T12=L1", "T12=L2", "--only"), "each vertebra once"),
        ((), "would change its name"),
        (("T12=L1", "--undo"), "either names, or --alternative, or --undo"),
        (("--alternative", "1", "--only"), "either names, or --alternative, or --undo"),
        (("--alternative", "1"), "no other numbering 1: this result has none"),
    ],
)
def test_requests_that_make_no_sense(results, words, message):
    with pytest.raises(InputError, match=message):
        run("relabel", results / "a", *words)
    assert names(results / "a") == "T11 T12 L1"
