"""The seed's commands, as a user types them: samples and training of both stages."""

import json

import numpy as np
import pytest

from spondyl.cli._app import app
from spondyl.errors import DatasetError, InputError, SampleError
from spondyl.io import write_centroids, write_image
from spondyl.models import read_model
from spondyl.spine import Spine
from spondyl.volume import Grid, Volume

RECIPE = """
name: spinefinder
detection: {sample_shape: [16, 16, 32], network: {width: 2}, training: {batch_size: 2}}
identification: {sample_shape: [32, 48], network: {width: 2}, training: {batch_size: 2}, floor_kernel: [3, 4]}
"""


@pytest.fixture
def walk(tmp_path, monkeypatch):
    """A folder as the seed's README leaves it after the downloads, with two tiny scans in it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "small.yaml").write_text(RECIPE)
    spine = Spine.from_centroids({20: (20, 20, 36), 21: (20, 20, 12)})
    for part, name in (("training_dataset", "a"), ("testing_dataset", "b")):
        (tmp_path / part / "nested").mkdir(parents=True)
        data = np.random.default_rng(0).normal(0, 300, (40, 40, 48)).astype(np.int16)
        volume = Volume(data, Grid.from_spacing(data.shape, (1, 1, 1), "LPS")).reoriented("RAS")
        grid = Grid(volume.grid.shape, np.eye(4))
        write_image(Volume(volume.data, grid), tmp_path / part / "nested" / f"{name}.nii.gz")
        write_centroids(spine, tmp_path / part / "nested" / f"{name}.lml", grid)
    return tmp_path


def run(*words):
    app(words, result_action="return_value", exit_on_error=False)


@pytest.mark.parametrize("stage", ["detection", "identification"])
def test_the_walk_of_the_seed(walk, capsys, stage, monkeypatch):
    for part in ("training", "testing"):
        run(
            "samples", stage, f"{part}_dataset", f"samples/{stage}/{part}",
            "--recipe", "small.yaml", "--samples-per-scan", "3",
        )  # fmt: skip
    assert f"3 samples of 1 scan in samples/{stage}/testing" in capsys.readouterr().out
    assert len(list((walk / "samples" / stage / "training").glob("a-*.npy"))) == 6
    run(
        "train", stage, f"samples/{stage}/training", f"samples/{stage}/testing", f"saved_models/{stage}.h5",
        "--recipe", "small.yaml", "--epochs", "1", "--device", "cpu",
    )  # fmt: skip
    shown = " ".join(capsys.readouterr().out.split())
    assert "if these are the test scans" in shown
    assert f"model: saved_models/{stage}.h5" in shown
    assert (walk / "checkpoints" / f"{stage}_model" / f"{stage}_model.01.pt").is_file()
    model = read_model(walk / "saved_models" / f"{stage}.h5")
    assert model.onnx_path(stage).stat().st_size > 1000
    (log,) = (walk / "logs").glob(f"{stage}-*/log.jsonl")
    assert json.loads(log.read_text())["epoch"] == 1


def test_options_reach_the_training(walk, capsys):
    for part in ("training", "testing"):
        run("samples", "detection", f"{part}_dataset", part, "--recipe", "small.yaml")
    options = ["--recipe", "small.yaml", "--epochs", "1", "--checkpoints", "c", "--logs", "l"]
    run(
        "train",
        "detection",
        "training",
        "testing",
        "m",
        *options,
        "--width",
        "3",
        "--seed",
        "5",
        "--batch-size",
        "4",
    )
    model = read_model("m")
    assert model.info.recipe["detection"]["network"]["width"] == 3
    assert model.info.recipe["seed"] == 5
    assert model.info.provenance["steps"] == 1
    assert (walk / "c").is_dir()
    assert not (walk / "checkpoints").exists()


def test_mistakes(walk):
    with pytest.raises(DatasetError):
        run("samples", "detection", "nowhere", "out")
    with pytest.raises(InputError, match="neither a YAML file nor a recipe"):
        run("samples", "detection", "training_dataset", "out", "--recipe", "none.yaml")
    with pytest.raises(InputError, match=r"options: detection.samples_per_scan"):
        run("samples", "detection", "training_dataset", "out", "--samples-per-scan", "0")
    with pytest.raises(InputError, match="trains on scans, without samples"):
        run("samples", "detection", "training_dataset", "out", "--recipe", "spondyl")
    with pytest.raises(InputError, match="no segmentation network; add --recipe spondyl"):
        run("train", "segmentation", "nowhere", "nowhere", "m")
    with pytest.raises(InputError, match="leave it out for identification"):
        run("train", "identification", "nowhere", "nowhere", "m", "--teacher", "default")
    with pytest.raises(InputError, match="does not know --init"):
        run("train", "identification", "nowhere", "nowhere", "m", "--init", "default")
    with pytest.raises(InputError, match="does not know --val-split"):
        run("train", "detection", "nowhere", "nowhere", "m", "--recipe", "spondyl", "--val-split", "0.2")
    with pytest.raises(InputError, match="not know --iterations; leave it out, or add --recipe spondyl"):
        run("train", "detection", "nowhere", "nowhere", "m", "--iterations", "3")
    with pytest.raises(SampleError, match="or train on scans with --recipe spondyl"):
        run("train", "detection", "training_dataset", "training_dataset", "m")
    with pytest.raises(SampleError, match="no such folder of samples"):
        run("train", "detection", "nowhere", "nowhere", "m")
    assert not (walk / "out").exists()
