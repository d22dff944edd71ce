"""``spondyl show``, with a model that reads the label off the image."""

import numpy as np
import pytest
from PIL import Image

from readers import CENTRES, split, toy_scan, write_reader_model
from spondyl.anatomy import label_of
from spondyl.cli import app
from spondyl.cli._stages import detect, identify
from spondyl.cli.show import pick, row_names
from spondyl.errors import ModelError
from spondyl.inference.spinefinder import SpinefinderPipeline
from spondyl.io import write_centroids, write_image
from spondyl.spine import Spine


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """A whole model, and its stages as two folders."""
    folder = tmp_path_factory.mktemp("models")
    whole = write_reader_model(folder)
    return whole, *split(whole, folder)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    """Two toy scans with true centroids."""
    folder = tmp_path_factory.mktemp("dataset")
    scan = toy_scan(hounsfield=True)
    truth = Spine.from_centroids({label_of(name): point for name, point in CENTRES.items()})
    for name in ("a", "b"):
        write_image(scan, folder / f"{name}.nii.gz")
        write_centroids(truth, folder / f"{name}.lml", scan.grid)
    return folder


def run(*words):
    app([str(word) for word in words], result_action="return_value")


def colours(path):
    with Image.open(path) as image:
        return len(np.unique(np.asarray(image.convert("RGB")).reshape(-1, 3), axis=0))


def test_every_picture(tmp_path, models, dataset):
    whole, detection, identification = models
    scan = dataset / "a.nii.gz"
    run("show", "detection", scan, detection, "-o", tmp_path / "one.png")
    run("show", "identification", scan, identification, "-o", tmp_path / "two.png")
    run("show", "identification", scan, whole, "-o", tmp_path / "three.png")
    run("show", "detections", dataset, detection, whole, "-o", tmp_path / "four.png", "-n", "2")
    run("show", "centroids", dataset, whole, "-o", tmp_path / "five.png")
    for picture in tmp_path.iterdir():
        assert colours(picture) > 50
    assert len(list(tmp_path.iterdir())) == 5


def test_identification_where_another_model_detects(tmp_path, models, dataset, monkeypatch):
    """Two folders, as they are trained, give the picture of the whole model."""
    whole, detection, identification = models
    scan = dataset / "a.nii.gz"
    run("show", "identification", scan, whole, "-o", tmp_path / "whole.png")
    run("show", "identification", scan, identification, "--detection", detection, "-o", tmp_path / "two.png")
    assert (tmp_path / "two.png").read_bytes() == (tmp_path / "whole.png").read_bytes()
    monkeypatch.setattr(SpinefinderPipeline, "detect", lambda _, data: np.zeros(data.shape, bool))
    volume = toy_scan(hounsfield=True)
    assert identify(identification, volume).data.any()
    assert not identify(identification, volume, detection).data.any()


def test_rows_are_named_so_that_models_differ(tmp_path):
    folder = tmp_path / "saved_models"
    assert row_names([folder / "first", folder / "second"]) == ["first", "second"]
    assert row_names([folder / "a/detection.h5", folder / "b/detection.h5"]) == [
        "a/detection.h5",
        "b/detection.h5",
    ]
    assert len(set(row_names([folder / "a", folder / "a"]))) == 2
    assert row_names([folder / "a"]) == ["a"]


def test_centroids_of_a_folder_of_predictions(tmp_path, dataset):
    run("show", "centroids", dataset, dataset, "-o", tmp_path / "c.png", "-n", 1)
    assert colours(tmp_path / "c.png") > 50


def test_stages_say_what_the_networks_say(models):
    whole, detection, identification = models
    scan = toy_scan(hounsfield=True)
    boxes = scan.data > 0
    np.testing.assert_array_equal(detect(detection, scan).data > 0, boxes)
    expected = np.where(boxes, 1, 0)
    for name, point in CENTRES.items():
        i, j, k = np.round(scan.grid.to_voxel(point)).astype(int)
        for folder in (whole, identification):
            assert identify(folder, scan).data[i, j, k] == label_of(name)
    np.testing.assert_array_equal(identify(whole, scan).data > 0, expected > 0)


def test_stage_that_is_not_there(models):
    _, detection, _ = models
    with pytest.raises(ModelError, match="identification"):
        identify(detection, toy_scan(hounsfield=True))


def test_pick_spreads_over_the_list():
    assert pick(list(range(10)), 3) == [0, 3, 6]
    assert pick([1, 2], 5) == [1, 2]
