"""Loaders fork only where no engine has left threads behind."""

import os
import signal
import sys

import pytest
from torch.utils.data import DataLoader

from spondyl.errors import SampleError, WorkerError
from spondyl.training.loaders import explained, start_method


@pytest.mark.parametrize("engine", ["openvino", "onnxruntime"])
def test_after_a_prediction_workers_start_anew(monkeypatch, engine):
    for name in ("openvino", "onnxruntime"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    assert start_method(2) is None
    monkeypatch.setitem(sys.modules, engine, sys)
    assert start_method(2) == "spawn"
    assert start_method(0) is None


class Unlucky(list):
    """Samples of which one is damaged and one kills its reader."""

    def __getitem__(self, index):
        if index == 1:
            raise SampleError("a: damaged: b")
        if index == 2:
            os.kill(os.getpid(), signal.SIGKILL)
        return index


@pytest.mark.parametrize(
    ("index", "kind", "message"),
    [(1, SampleError, "^a: damaged: b$"), (2, WorkerError, "give fewer --workers, and add --resume")],
)
def test_what_ends_a_worker_is_told_in_one_line(index, kind, message):
    with pytest.raises(kind, match=message) as caught, explained():
        list(DataLoader(Unlucky(), sampler=[0, index], num_workers=1))
    assert "\n" not in str(caught.value)


def test_other_errors_stay_as_they_are():
    with pytest.raises(RuntimeError, match=r"^something else$"), explained():
        raise RuntimeError("something else")
    with pytest.raises(SampleError, match=r"^a: damaged: b$"), explained():
        Unlucky()[1]
