"""A study in a process of its own: limits hold, nothing of the patient comes out."""

import threading
import time

import psutil
import pytest
from node_fakes import NAME, PATIENT, FakeProcess, make_slices, write_slices

from spondyl.dicom.node.worker import Outcome, Verdict, run_limited


@pytest.fixture
def run(tmp_path, diary):
    def run(trouble="", limit_s=60, stop=None):
        study = write_slices(make_slices(), tmp_path / "study")
        (tmp_path / "results").mkdir()
        return run_limited(
            FakeProcess(diary, trouble),
            study,
            tmp_path / "results",
            limit_s=limit_s,
            stop=stop or threading.Event(),
        )

    before = psutil.Process().children()  # a PACS of other tests may run
    yield run
    left = [child for child in psutil.Process().children() if child not in before]
    assert all("resource_tracker" in " ".join(child.cmdline()) for child in left)


def test_done(run, tmp_path, capfd):
    assert run() == Outcome(Verdict.DONE)
    assert sorted(file.name for file in (tmp_path / "results").iterdir()) == ["1-seg.dcm", "2-sr.dcm"]
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("trouble", "verdict", "words"),
    [
        ("useless", Verdict.USELESS, "study: [...] ([...]) has no spine"),
        ("broken", Verdict.BROKEN, "RuntimeError in node_fakes.py:"),
        ("dies", Verdict.BROKEN, "signal 9"),
    ],
)
def test_trouble(run, trouble, verdict, words):
    outcome = run(trouble)
    assert outcome.verdict == verdict
    assert words in outcome.reason
    assert not any(value in outcome.reason for value in (*NAME.split("^"), PATIENT))


def test_time_limit(run):
    assert run("hangs", limit_s=0.5) == Outcome(Verdict.USELESS, "took longer than 0.5 s (time_limit_s)")


def test_stopped_by_the_node(run, diary):
    stop = threading.Event()
    threading.Timer(0.5, stop.set).start()
    begun = time.monotonic()
    assert run("hangs", stop=stop) == Outcome(Verdict.STOPPED)
    assert time.monotonic() - begun < 60
