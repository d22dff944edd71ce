"""Engines: the same numbers from each, explicit precision, and clear words when one cannot run."""

import subprocess
import sys

import numpy as np
import pytest

from spondyl.errors import MissingDependencyError, ModelError
from spondyl.inference.engines import load_engine
from spondyl.inference.engines.openvino import OpenVinoEngine
from spondyl.models import ModelInfo, StageInfo, read_model, write_model


def _write(folder, network, architecture, onnx):
    from spondyl.networks.export import export_onnx, save_weights

    folder.mkdir()
    save_weights(network, folder / "weights")
    files = {"detection.safetensors": folder / "weights"}
    if onnx:
        export_onnx(network, folder / "onnx", (2, 1, 32, 32, 32))
        files["detection.onnx"] = folder / "onnx"
    stage = StageInfo(
        architecture=architecture,
        weights="detection.safetensors",
        onnx="detection.onnx" if onnx else None,
    )
    info = ModelInfo(
        recipe={"name": "spinefinder"},
        stages={"detection": stage},
        labels=("background",),
        spacing_mm=(1, 1, 1),
    )
    return write_model(folder / "model", info, files)


@pytest.fixture(scope="module")
def network():
    torch = pytest.importorskip("torch")
    from spondyl.networks.detection import DetectionUNet

    torch.manual_seed(0)
    return DetectionUNet(width=2).eval()


@pytest.fixture(scope="module")
def model(network, tmp_path_factory):
    folder = tmp_path_factory.mktemp("engines") / "whole"
    return _write(folder, network, {"name": "DetectionUNet", "width": 2}, onnx=True)


@pytest.fixture(scope="module")
def without_onnx(network, tmp_path_factory):
    folder = tmp_path_factory.mktemp("engines") / "bare"
    return _write(folder, network, {"name": "DetectionUNet", "width": 2}, onnx=False)


def _noise(shape):
    return np.random.default_rng(0).normal(size=shape).astype(np.float32)


@pytest.mark.parametrize("shape", [(1, 1, 32, 32, 48), (3, 1, 16, 32, 16)])
@pytest.mark.parametrize("name", ["openvino", "onnxruntime", "torch"])
def test_every_engine_gives_what_the_network_gives(model, network, name, shape):
    import torch

    engine = load_engine(model, "detection", name, threads=1)
    assert (engine.name, engine.precision) == (name, "f32")
    x = _noise(shape)
    with torch.inference_mode():
        expected = network(torch.from_numpy(x)).numpy()
    found = engine(x)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, atol=2e-5)
    np.testing.assert_array_equal(engine(x), found)


def test_an_answer_is_not_overwritten_by_the_next(model):
    for name in ("openvino", "onnxruntime"):
        engine = load_engine(model, "detection", name)
        first = engine(_noise((1, 1, 16, 16, 16)))
        copy = first.copy()
        engine(np.zeros((1, 1, 16, 16, 16), np.float32))
        np.testing.assert_array_equal(first, copy)


@pytest.mark.parametrize("name", ["openvino", "torch"])
def test_bf16_is_close_and_recorded(model, name):
    engine = load_engine(model, "detection", name, precision="bf16")
    x = _noise((1, 1, 32, 32, 32))
    exact = load_engine(model, "detection", name)(x)
    np.testing.assert_allclose(engine(x), exact, atol=0.05)
    if engine.precision == "bf16":  # OpenVINO falls back to f32 on processors without it, and says so
        assert not np.array_equal(engine(x), exact)


def test_auto_prefers_openvino_where_it_is_installed(model):
    pytest.importorskip("openvino")
    assert load_engine(model, "detection").name == "openvino"


def test_auto_goes_on_to_what_is_installed(model, monkeypatch):
    monkeypatch.setitem(sys.modules, "openvino", None)
    assert load_engine(model, "detection").name == "onnxruntime"
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    assert load_engine(model, "detection").name == "torch"


def test_auto_skips_onnxruntime_for_bf16(model, monkeypatch):
    monkeypatch.setitem(sys.modules, "openvino", None)
    assert load_engine(model, "detection", precision="bf16").name == "torch"


def test_no_engine_at_all_names_every_remedy(model, monkeypatch):
    for name in ("openvino", "onnxruntime", "torch"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(MissingDependencyError, match=r"openvino.*spondyl\[onnx\].*spondyl\[train\]"):
        load_engine(model, "detection")


@pytest.mark.parametrize(
    ("name", "remedy"), [("openvino", "openvino"), ("onnxruntime", "onnx"), ("torch", "train")]
)
def test_a_missing_engine_names_the_remedy(model, monkeypatch, name, remedy):
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(MissingDependencyError, match=remedy):
        load_engine(model, "detection", name)


def test_a_model_without_onnx_runs_on_torch(without_onnx):
    assert load_engine(without_onnx, "detection").name == "torch"
    with pytest.raises(ModelError, match=r"has no detection\.onnx"):
        load_engine(without_onnx, "detection", "openvino")


def test_a_missing_stage_is_named(model):
    with pytest.raises(ModelError, match="no identification network"):
        load_engine(model, "identification")


@pytest.mark.parametrize("name", ["openvino", "onnxruntime", "torch"])
def test_an_impossible_shape_is_a_model_error(model, name):
    engine = load_engine(model, "detection", name)
    with pytest.raises(ModelError, match=r"input of shape \(1, 2, 32, 32, 32\)"):
        engine(_noise((1, 2, 32, 32, 32)))


@pytest.mark.parametrize("name", ["openvino", "onnxruntime"])
def test_a_file_that_is_no_network_is_a_model_error(reader_model, tmp_path, name):
    engine = type(load_engine(read_model(reader_model), "detection", name))
    (tmp_path / "x.onnx").write_bytes(b"not a network")
    with pytest.raises(ModelError, match=r"x\.onnx"):
        engine(tmp_path / "x.onnx")


@pytest.mark.parametrize(
    ("architecture", "word"),
    [
        ({"name": "os.system"}, "unknown"),
        ({"name": "DetectionUNet", "depth": 3}, "cannot be built"),
        ({}, "unknown"),
    ],
)
def test_a_strange_architecture_is_a_model_error(network, tmp_path, architecture, word):
    model = _write(tmp_path / "m", network, architecture, onnx=False)
    with pytest.raises(ModelError, match=word):
        load_engine(model, "detection", "torch")


def test_engines_without_torch_do_not_import_it(reader_model):
    import subprocess

    code = (
        "import sys; from pathlib import Path; from spondyl.inference import load_pipeline;"
        f"load_pipeline(Path({str(reader_model)!r})); assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_threads_are_passed_on(model):
    engine = OpenVinoEngine(model.onnx_path("detection"), threads=1)
    assert engine._request.get_compiled_model().get_property("INFERENCE_NUM_THREADS") == 1


def test_a_signal_after_an_engine_was_let_go_in_another_thread(model):
    """OpenVINO would unmap the stack on which the first thread takes its signals."""
    pytest.importorskip("openvino")
    program = """
import signal, subprocess, sys, threading
from pathlib import Path
from spondyl.inference.engines.openvino import OpenVinoEngine
signal.signal(signal.SIGCHLD, lambda *_: None)
engines = [OpenVinoEngine(Path(sys.argv[1]), threads=1)]
thread = threading.Thread(target=engines.clear)
thread.start()
thread.join()
subprocess.run([sys.executable, "-c", ""], check=True)
"""
    path = model.folder / "detection.onnx"
    subprocess.run([sys.executable, "-c", program, str(path)], check=True)


def test_openvino_tells_nobody_that_it_runs():
    """Its telemetry opens a connection from a forked process; hidden, it is never imported."""
    pytest.importorskip("openvino")
    program = (
        "import sys; from spondyl.inference import load_pipeline; load_pipeline(engine='openvino'); "
        "assert 'openvino' in sys.modules; "
        "sys.exit(sys.modules.get('openvino_telemetry') is not None)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
