"""The model folder: written whole, read back, and refused with a clear word when damaged."""

import hashlib
import json

import pytest

from spondyl.errors import ModelError, OutputError
from spondyl.models import SCHEMA_VERSION, ModelInfo, StageInfo, combine, read_model, write_model


def _info(stage="detection", **changes):
    fields = {
        "recipe": {"name": "spinefinder", stage: {"width": 4}},
        "stages": {
            stage: StageInfo(architecture={"name": "X"}, weights=f"{stage}.safetensors", onnx=f"{stage}.onnx")
        },
        "labels": ("background", "C1"),
        "spacing_mm": (1.0, 1.0, 1.0),
    }
    return ModelInfo(**{**fields, **changes})


def _write(folder, tmp_path, stage="detection", **changes):
    files = {}
    for name in (f"{stage}.safetensors", f"{stage}.onnx"):
        (tmp_path / name).write_bytes(f"content of {name}".encode())
        files[name] = tmp_path / name
    return write_model(folder, _info(stage, **changes), files)


def test_round_trip_makes_parents_and_allows_any_name(tmp_path):
    written = _write(tmp_path / "saved_models" / "detection.h5", tmp_path)
    model = read_model(tmp_path / "saved_models" / "detection.h5")
    assert model == written
    assert model.weights_path("detection").read_bytes() == b"content of detection.safetensors"
    assert model.onnx_path("detection").read_bytes() == b"content of detection.onnx"
    assert sorted(p.name for p in (tmp_path / "saved_models").iterdir()) == ["detection.h5"]


def test_an_older_model_is_replaced(tmp_path):
    _write(tmp_path / "m", tmp_path)
    (tmp_path / "m" / "leftover").touch()
    _write(tmp_path / "m", tmp_path, scores={"dice": 0.5})
    assert read_model(tmp_path / "m").info.scores == {"dice": 0.5}
    assert not (tmp_path / "m" / "leftover").exists()


def test_what_is_no_model_is_never_replaced(tmp_path):
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "thesis.tex").touch()
    with pytest.raises(OutputError, match="no model folder"):
        _write(tmp_path / "m", tmp_path)
    assert (tmp_path / "m" / "thesis.tex").exists()


def test_a_failed_write_leaves_the_old_model(tmp_path):
    _write(tmp_path / "m", tmp_path)
    with pytest.raises(OutputError):
        write_model(
            tmp_path / "m",
            _info(),
            {"detection.onnx": tmp_path / "no", "detection.safetensors": tmp_path / "no"},
        )
    read_model(tmp_path / "m")
    assert not list(tmp_path.glob(".m*"))


def test_the_files_must_be_those_named(tmp_path):
    with pytest.raises(ModelError, match="names the files"):
        write_model(tmp_path / "m", _info(), {})


def _flip(path):
    content = bytearray(path.read_bytes())
    content[3] ^= 1
    path.write_bytes(content)


def _edit(path, **changes):
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda m: _flip(m / "detection.onnx"), "detection.onnx: damaged: sha256"),
        (lambda m: (m / "detection.safetensors").unlink(), "detection.safetensors: missing"),
        (lambda m: (m / "model.json").unlink(), "model.json is missing"),
        (lambda m: (m / "model.json").write_text("{"), "not valid JSON"),
        (lambda m: (m / "model.json").write_text("[]"), "version 1 expected, found None"),
        (lambda m: _edit(m / "model.json", schema_version=SCHEMA_VERSION + 1), "version 1 expected, found 2"),
        (lambda m: _edit(m / "model.json", surprise=1), "damaged: surprise"),
        (lambda m: _edit(m / "model.json", recipe={}), "recipe needs a name"),
        (
            lambda m: _edit(m / "model.json", stages={"detection": {"architecture": {}, "weights": "../x"}}),
            "weights",
        ),
    ],
)
def test_damage_is_named(tmp_path, damage, message):
    _write(tmp_path / "m", tmp_path)
    damage(tmp_path / "m")
    with pytest.raises(ModelError, match=message):
        read_model(tmp_path / "m")


def test_a_missing_folder_and_a_keras_file(tmp_path):
    with pytest.raises(ModelError, match="no model folder"):
        read_model(tmp_path / "nowhere")
    (tmp_path / "detection.h5").touch()
    with pytest.raises(ModelError, match="is a file"):
        read_model(tmp_path / "detection.h5")


def test_two_stages_combine_and_save(tmp_path):
    a, b = _write(tmp_path / "a", tmp_path), _write(tmp_path / "b", tmp_path, "identification")
    both = combine(a, b)
    assert both.weights_path("detection").parent.name == "a"
    assert both.weights_path("identification").parent.name == "b"
    assert both.info.recipe == {
        "name": "spinefinder",
        "detection": {"width": 4},
        "identification": {"width": 4},
    }
    both.save(tmp_path / "both")
    saved = read_model(tmp_path / "both")
    assert set(saved.info.stages) == {"detection", "identification"}
    assert saved.info.stages["detection"].sha256 == a.info.stages["detection"].sha256


def test_what_does_not_fit_is_not_combined(tmp_path):
    a = _write(tmp_path / "a", tmp_path)
    other = _write(tmp_path / "b", tmp_path, "identification", spacing_mm=(2.0, 2.0, 2.0))
    with pytest.raises(ModelError, match="spacing_mm"):
        combine(a, other)
    other = _write(tmp_path / "c", tmp_path, "identification", recipe={"name": "spondyl"})
    with pytest.raises(ModelError, match="recipe is spinefinder"):
        combine(a, other)
    with pytest.raises(ModelError, match="has no identification network"):
        combine(a, a)


@pytest.mark.parametrize("changes", [{"working": {"normalise": "fixed"}}, {"hu_windows": [[0.0, 1.0]]}])
def test_stages_that_see_scans_prepared_otherwise_are_not_combined(tmp_path, changes):
    a = _write(tmp_path / "a", tmp_path)
    b = _write(tmp_path / "b", tmp_path, "identification", recipe={"name": "spinefinder", **changes})
    with pytest.raises(ModelError, match=f"do not fit together: {next(iter(changes))} is None in one"):
        combine(a, b)


def test_a_file_that_cannot_be_read_is_named(tmp_path, monkeypatch):
    _write(tmp_path / "model", tmp_path)

    def denied(path, *_args, **_more):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(hashlib, "file_digest", denied)
    with pytest.raises(ModelError, match=r"safetensors: cannot be read: Permission denied"):
        read_model(tmp_path / "model")
