"""Loaders fork only where no engine has left threads behind."""

import sys

import pytest

from spondyl.training.loaders import start_method


@pytest.mark.parametrize("engine", ["openvino", "onnxruntime"])
def test_after_a_prediction_workers_start_anew(monkeypatch, engine):
    for name in ("openvino", "onnxruntime"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    assert start_method(2) is None
    monkeypatch.setitem(sys.modules, engine, sys)
    assert start_method(2) == "spawn"
    assert start_method(0) is None
