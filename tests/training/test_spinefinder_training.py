"""Training both stages on toys: it learns, resumes bit for bit, and its model can be used."""

import json
import logging
from datetime import UTC, datetime

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file

from spondyl.errors import InputError, ModelError, OutputError, SampleError
from spondyl.models import read_model
from spondyl.networks.build import build_network
from spondyl.networks.export import load_weights, verify_onnx
from spondyl.recipes import recipe_from
from spondyl.samples import write_sample
from spondyl.training import spinefinder as training
from spondyl.training.checkpoint import sole_training
from spondyl.training.options import RunOptions
from spondyl.training.spinefinder import train_spinefinder


@pytest.fixture(autouse=True)
def _one_thread():
    torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def _quick_export(request, monkeypatch):
    """The ONNX export takes seconds and has its own tests; one test here does it in earnest."""
    if "real_export" not in request.fixturenames:
        monkeypatch.setattr(training, "export_onnx", lambda network, path, shape: path.write_bytes(b"onnx"))
        monkeypatch.setattr(training, "verify_onnx", lambda *_: 0.0)


@pytest.fixture
def real_export():
    """Asks for the true ONNX export."""


@pytest.fixture(scope="module")
def toys(tmp_path_factory):
    """Samples of both stages: bright boxes are vertebrae, and the brighter the lower their level."""
    folder, rng = tmp_path_factory.mktemp("toys"), np.random.default_rng(0)
    for part, scans in (("training", "abcd"), ("testing", "ef")):
        for scan in scans:
            for number in (1, 2):
                labels = np.zeros((16, 16, 32), np.uint8)
                start = rng.integers(2, 6)
                labels[start : start + 8, 4:12, 3:13] = 2
                labels[start : start + 8, 4:12, 16:28] = 5
                image = (labels + rng.normal(0, 0.3, labels.shape)).astype(np.float32)
                name = f"{scan}-{number}"
                write_sample(folder / "detection" / part, name, image, (labels > 0).astype(np.uint8))
                slab = image[start : start + 8]
                write_sample(folder / "identification" / part, name, slab, labels[start + 4])
    return folder


def _recipe(stage, **training):
    """A recipe for the toys: tiny, with few epochs."""
    settings = {"epochs": 3, "batch_size": 4, **training}
    shape = {"detection": [16, 16, 32], "identification": [16, 32]}[stage]
    part = {"sample_shape": shape, "network": {"width": 2}, "training": settings}
    if stage == "identification":
        part["floor_kernel"] = [3, 4]
    return recipe_from({"name": "spinefinder", stage: part})


def _train(toys, out, stage="detection", options=None, on_step=None, **training):
    folders = {"checkpoints": out / "checkpoints", "logs": out / "logs", "device": "cpu"}
    return train_spinefinder(
        stage,
        toys / stage / "training",
        toys / stage / "testing",
        out / "saved_models" / f"{stage}.h5",
        _recipe(stage, **training),
        RunOptions(**{**folders, **(options or {})}),
        on_step,
    )


def _log(out):
    (path,) = (out / "logs").glob("*/log.jsonl")
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_detection_learns_a_toy(toys, tmp_path):
    model = _train(toys, tmp_path, epochs=25, learning_rate=0.01)
    scores = model.info.scores["validation"]
    assert scores["recall_vertebra"] > 0.9
    assert scores["recall_background"] > 0.9
    assert scores["accuracy"] > 0.9
    losses = [line["loss"] for line in _log(tmp_path)]
    assert losses[-1] < 0.3 * losses[0]


def test_identification_learns_a_toy(toys, tmp_path):
    model = _train(toys, tmp_path, "identification", epochs=50, learning_rate=0.03)
    assert model.info.scores["validation"]["identification_rate"] > 0.9


def test_what_is_left_on_disk(toys, tmp_path):
    steps = []
    model = _train(toys, tmp_path, on_step=steps.append)
    assert model == read_model(tmp_path / "saved_models" / "detection.h5")
    folder = tmp_path / "checkpoints" / "detection_model"
    names = ["detection_model.01.pt", "detection_model.02.pt", "detection_model.03.pt", "resume.pt"]
    assert sorted(p.name for p in folder.iterdir()) == names
    (log,) = (tmp_path / "logs").iterdir()
    assert log.name.startswith("detection-")
    kinds = sorted(p.name.split(".")[0] for p in log.iterdir())
    assert kinds == ["description", "events", "log"]
    description = json.loads((log / "description.json").read_text())
    assert description["scans"] == {"training": ["a", "b", "c", "d"], "validation": ["e", "f"]}
    assert description["recipe"]["detection"]["network"]["width"] == 2
    assert [(s.epoch, s.batch, s.batches) for s in steps] == [(e, b, 2) for e in (1, 2, 3) for b in (1, 2)]
    assert [line["epoch"] for line in _log(tmp_path)] == [1, 2, 3]
    provenance = model.info.provenance
    assert (provenance["epochs"], provenance["steps"], provenance["best_epoch"] > 0) == (3, 6, True)


def test_the_learning_rate_decays_per_step(toys, tmp_path):
    _train(toys, tmp_path, decay=0.5)
    rates = [line["learning_rate"] for line in _log(tmp_path)]
    assert rates == pytest.approx([1e-3, 1e-3 / 2, 1e-3 / 3])  # two steps per epoch


class KilledError(Exception):
    """Stands for a power cut."""


@pytest.mark.parametrize("stage", ["detection", "identification"])
def test_killed_and_resumed_is_the_same_bit_for_bit(toys, tmp_path, stage):
    whole = _train(toys, tmp_path / "whole", stage, epochs=4)

    def kill(step):
        if (step.epoch, step.batch) == (3, 2):
            raise KilledError

    with pytest.raises(KilledError):
        _train(toys, tmp_path / "cut", stage, on_step=kill, epochs=4)
    assert not (tmp_path / "cut" / "saved_models").exists()
    resumed = _train(toys, tmp_path / "cut", stage, options={"resume": True}, epochs=4)
    one, two = load_file(whole.weights_path(stage)), load_file(resumed.weights_path(stage))
    assert all(np.array_equal(one[name], two[name]) for name in one)
    assert resumed.info.scores == whole.info.scores
    assert [line["epoch"] for line in _log(tmp_path / "cut")] == [1, 2, 3, 4]
    loss = [[line["loss"] for line in _log(tmp_path / name)] for name in ("whole", "cut")]
    assert loss[0] == loss[1]


def test_resume_refuses_other_settings_and_damage(toys, tmp_path):
    _train(toys, tmp_path, epochs=1)
    with pytest.raises(ModelError, match="another recipe or other samples"):
        _train(toys, tmp_path, options={"resume": True}, epochs=2, learning_rate=0.1)
    _train(toys, tmp_path, options={"resume": True}, epochs=2)  # more epochs are fine
    (tmp_path / "checkpoints" / "detection_model" / "resume.pt").write_bytes(b"no")
    with pytest.raises(ModelError, match=r"resume\.pt: the checkpoint cannot be read"):
        _train(toys, tmp_path, options={"resume": True}, epochs=2)


def test_resume_without_a_checkpoint_starts_anew(toys, tmp_path):
    assert _train(toys, tmp_path, options={"resume": True}, epochs=1).info.provenance["epochs"] == 1


def test_the_same_again_is_the_same_and_another_seed_is_not(toys, tmp_path):
    one, again = (_train(toys, tmp_path / name, epochs=1).info.stages["detection"] for name in "ab")
    other = train_spinefinder(
        "detection",
        toys / "detection" / "training",
        toys / "detection" / "testing",
        tmp_path / "m",
        _recipe("detection", epochs=1).model_copy(update={"seed": 2}),
        RunOptions(checkpoints=tmp_path / "c", logs=tmp_path / "l", device="cpu"),
    )
    assert one.sha256 == again.sha256
    assert other.info.stages["detection"].sha256 != one.sha256


def test_the_model_can_be_built_again(toys, tmp_path, real_export):
    model = _train(toys, tmp_path, "identification", epochs=1)
    network = build_network(model.stage("identification").architecture)
    load_weights(network, model.weights_path("identification"))
    verify_onnx(network.eval(), model.onnx_path("identification"), (2, 8, 48, 64))
    assert recipe_from(model.info.recipe) == _recipe("identification", epochs=1)
    assert model.info.labels[24] == "L5"


def test_keep_best_and_few_checkpoints(toys, tmp_path):
    model = _train(toys, tmp_path, epochs=6, learning_rate=0.05, keep="best", options={"keep_checkpoints": 1})
    losses = [line["val_loss"] for line in _log(tmp_path)]
    best = int(np.argmin(losses)) + 1
    assert model.info.provenance["best_epoch"] == best
    assert model.info.scores["validation"]["loss"] == pytest.approx(min(losses), rel=1e-5)
    left = sorted(p.name for p in (tmp_path / "checkpoints" / "detection_model").glob("*model.*"))
    assert left == sorted({f"detection_model.{best:02d}.pt", "detection_model.06.pt"})


def test_training_scans_held_out(toys, tmp_path):
    model = _train(toys, tmp_path, epochs=1, options={"val_split": 0.25})
    scans = model.info.provenance["scans"]
    assert len(scans["training"]) == 3
    assert len(scans["validation"]) == 1
    assert not set(scans["training"]) & set(scans["validation"])
    assert scans["test"] == ["e", "f"]
    assert set(model.info.scores) == {"validation", "test"}


def test_a_leak_between_training_and_validation_is_said(toys, tmp_path, caplog):
    part = toys / "detection" / "training"
    options = RunOptions(checkpoints=tmp_path / "c", logs=tmp_path / "l", device="cpu")
    with caplog.at_level(logging.WARNING):
        train_spinefinder("detection", part, part, tmp_path / "m", _recipe("detection", epochs=1), options)
    assert "4 scan(s) are in training and validation (a ...)" in caplog.text


@pytest.mark.parametrize(
    ("stage", "change"),
    [
        # not detection in bf16: torch's CPU gradient of 3-D convolutions is garbage on maps of 2 x 2 x 4
        ("identification", {"precision": "bf16"}),
        ("detection", {"channels_last": True}),
        ("identification", {"channels_last": True}),
        ("detection", {"clip_norm": 0.01}),
        ("detection", {"recalibrate_batches": 2}),
    ],
    ids=str,
)
def test_options_of_the_recipe_take_effect(toys, tmp_path, stage, change):
    plain = _train(toys, tmp_path / "plain", stage, epochs=1)
    other = _train(toys, tmp_path / "other", stage, epochs=1, **change)
    one, two = (model.info.scores["validation"]["loss"] for model in (plain, other))
    assert two == pytest.approx(one, rel=0.2) if "recalibrate_batches" not in change else np.isfinite(two)
    assert one != two or "channels_last" in change


def test_mistakes_are_named(toys, tmp_path):
    with pytest.raises(InputError, match="device 'tpu9' cannot be used here: torch knows no device"):
        _train(toys, tmp_path, options={"device": "tpu9"})
    with pytest.raises(InputError, match="held out for validation must be"):
        _train(toys, tmp_path, options={"val_split": 1.5})
    with pytest.raises(ModelError, match="is nan; lower the learning rate"):
        _train(toys, tmp_path, learning_rate=1e30)
    with pytest.raises(SampleError, match="samples of another stage"):
        train_spinefinder(
            "identification",
            toys / "detection" / "training",
            toys / "detection" / "testing",
            tmp_path / "m",
            _recipe("identification"),
        )
    with pytest.raises(ModelError, match="network 'X' is unknown"):
        build_network({"name": "X"})
    with pytest.raises(ModelError, match="cannot be built"):
        build_network({"name": "DetectionUNet", "depth": 3})


def test_two_trainings_do_not_share_checkpoints(toys, tmp_path):
    with (
        sole_training(tmp_path / "checkpoints" / "detection_model"),
        pytest.raises(OutputError, match=r"detection_model: another training \(process \d+ on .+\) writes"),
    ):
        _train(toys, tmp_path)
    assert not (tmp_path / "logs").exists()


def test_a_training_anew_tells_of_an_earlier_one(toys, tmp_path, caplog):
    _train(toys, tmp_path, epochs=1)
    assert "earlier training" not in caplog.text
    _train(toys, tmp_path, epochs=1)
    assert "resume.pt: left by an earlier training" in caplog.text


def test_two_trainings_that_begin_in_one_second_have_logs_of_their_own(toys, tmp_path, monkeypatch):
    monkeypatch.setattr(training, "_now", lambda: datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC))
    for checkpoints in ("a", "b"):
        _train(toys, tmp_path, epochs=1, options={"checkpoints": tmp_path / checkpoints})
    first, second = sorted((tmp_path / "logs").iterdir())
    assert first.name == "detection-2026-01-02-03-04-05"
    assert all(len((log / "log.jsonl").read_text().splitlines()) == 1 for log in (first, second))
