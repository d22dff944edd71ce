"""The whole way on tiny phantoms, as typed: samples, training, measurement, prediction, evaluation.

Slow parts are made small (coarse phantoms of four vertebrae, networks two channels wide, one epoch), so
these tests say that the steps fit together, not that the result is good.
"""

import json
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from spondyl.cli import app
from spondyl.datasets import find_cases
from spondyl.evaluation import Evaluation
from spondyl.io import write_image
from spondyl.models import default_model_folder, read_model
from spondyl.phantom import PhantomOptions, make_phantom
from spondyl.result import read_result

PHANTOM = "--levels T12 L3 --spacing-mm 3 3 3 --field-of-view-mm 90 120 100"
TRAINING = "--width 2 --epochs 1 --batch-size 2 --device cpu"
REFERENCE_WALK = [
    f"phantom training_dataset -n 2 --seed 1 {PHANTOM}",
    f"phantom testing_dataset -n 1 --seed 1000 {PHANTOM}",
    "samples detection training_dataset samples/detection/training --samples-per-scan 2",
    "samples detection testing_dataset samples/detection/testing --samples-per-scan 2",
    "samples identification training_dataset samples/identification/training --samples-per-scan 2",
    "samples identification testing_dataset samples/identification/testing --samples-per-scan 2",
    f"train detection samples/detection/training samples/detection/testing saved_models/d {TRAINING}",
    "train identification samples/identification/training samples/identification/testing saved_models/i "
    + TRAINING,
    "measure testing_dataset saved_models/d saved_models/i --plots plots",
    "predict testing_dataset -o results --detection saved_models/d --identification saved_models/i",
    "evaluate results testing_dataset --json scores.json --csv scores.csv --plots more_plots",
    "show detection testing_dataset/phantom_1000_0001.nii.gz saved_models/d -o detection.png",
    "show identification testing_dataset/phantom_1000_0001.nii.gz saved_models/i -o identification.png",
    "show detections testing_dataset saved_models/d -o detections.png",
    "show centroids testing_dataset results -o centroids.png",
]

needs_default_model = pytest.mark.skipif(
    not (default_model_folder() / "model.json").is_file(), reason="no default model in this checkout"
)


def typed(words: str | list[str]) -> int | None:
    code: int | None = app(words, result_action="return_value", exit_on_error=False)
    return code


@pytest.fixture(scope="module")
def walked(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    """The folder after the walk, and what each command printed last."""
    place = tmp_path_factory.mktemp("walk")
    printed = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        for words in REFERENCE_WALK:
            with redirect_stdout(StringIO()) as said:
                assert not typed(words), words
            printed[words.split(" ")[0]] = said.getvalue()
    return place, printed


@pytest.mark.slow
def test_measure_reports_in_the_words_of_the_reference(walked):
    place, printed = walked
    lines = printed["measure"].splitlines()
    assert "0 testing_dataset/phantom_1000_0001.nii.gz" in lines
    assert [line.split(" Id rate: ")[0] for line in lines[-4:]] == ["All", "Cervical", "Thoracic", "Lumbar"]
    assert lines[-3] == "Cervical Id rate: none annotated"
    measured = Evaluation.from_json(place / "measurements" / "evaluation.json")
    assert measured.levels["L1"]["id_rate"].n == 1
    assert (place / "measurements" / "phantom_1000_0001" / "result.json").is_file()


@pytest.mark.slow
def test_measure_predict_and_evaluate_agree(walked):
    place, _ = walked
    name = "phantom_1000_0001"
    measured, predicted = (
        read_result(place / part / name / "result.json") for part in ("measurements", "results")
    )
    assert measured.labels == predicted.labels
    one, other = (
        json.loads((place / file).read_text())["summary"]
        for file in ("measurements/evaluation.json", "scores.json")
    )
    assert one["id_rate_reference"] == other["id_rate_reference"]
    assert one["id_rate_reference"]["n"] == len(find_cases(place / "testing_dataset")[0].load()[1])


@pytest.mark.slow
@pytest.mark.parametrize(
    "picture",
    [
        "plots/boxplot.png",
        "more_plots/confusion.png",
        "detection.png",
        "identification.png",
        "detections.png",
        "centroids.png",
        "results/phantom_1000_0001/preview.png",
    ],
)
def test_pictures(walked, picture):
    place, _ = walked
    with Image.open(place / picture) as image:
        assert len(np.unique(np.asarray(image.convert("L")))) > 20


@pytest.mark.slow
@pytest.mark.parametrize("stage", ["detection", "identification"])
def test_training_leaves_checkpoints_and_logs(walked, stage):
    place, _ = walked
    folder = place / "checkpoints" / f"{stage}_model"
    assert sorted(path.name for path in folder.iterdir()) == [f"{stage}_model.01.pt", "resume.pt"]
    (log,) = (place / "logs").glob(f"{stage}-*/log.jsonl")
    assert json.loads(log.read_text())["epoch"] == 1


@pytest.mark.slow
def test_nothing_temporary_is_left(walked):
    place, _ = walked
    assert not [path for path in place.rglob("*") if path.name.startswith(".")]


@pytest.mark.slow
@needs_default_model
def test_any_orientation_gives_the_same_places(tmp_path):
    """The default model, from file to file: however the voxels are stored, the patient is the same."""
    options = PhantomOptions(
        levels=("T11", "L4"), spacing_mm=(1.5, 2.0, 2.5), field_of_view_mm=(120, 150, 100)
    )
    scan = make_phantom(7, options).image
    for codes in ("RAS", "LPS", "PIR", "SLA", "ARI"):
        write_image(scan.reoriented(codes), tmp_path / "scans" / f"{codes}.nii.gz")
    assert typed(["predict", str(tmp_path / "scans"), "-o", str(tmp_path / "out"), "--threads", "1"]) == 0
    first, *others = (read_result(path) for path in sorted((tmp_path / "out").glob("*/result.json")))
    assert len(others) == 4
    assert len(first) >= 4
    grid_mm = max(read_model(default_model_folder()).info.spacing_mm)
    for other in others:
        assert other.names == first.names
        apart_mm = np.linalg.norm(other.centroids_mm - first.centroids_mm, axis=1)
        assert apart_mm.max() < grid_mm
