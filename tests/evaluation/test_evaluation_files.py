"""Finding predictions, writing results, and the command that does both."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from spondyl.cli import app
from spondyl.datasets import find_cases
from spondyl.errors import AnnotationError, DatasetError, InputError
from spondyl.evaluation import METRICS, Evaluation, evaluate
from spondyl.evaluation.loading import Predictions, load_pairs
from spondyl.io import write_centroids, write_image, write_mask
from spondyl.result import Result
from spondyl.spine import Spine, Vertebra
from spondyl.volume import Grid, Volume

GRID = Grid.from_spacing((20, 20, 60), (2, 2, 2), "LPS")


def spine_at(*places, first=20, probability=None):
    """L1, L2 ... at heights in voxels."""
    points = GRID.to_world([(10, 10, k) for k in places])
    return Spine(tuple(Vertebra(first + i, tuple(p), probability) for i, p in enumerate(points)))


def mask_of(spine):
    data = np.zeros(GRID.shape, np.uint8)
    for v in spine:
        i, j, k = np.round(GRID.to_voxel(v.centroid_mm)).astype(int)
        data[i - 4 : i + 5, j - 4 : j + 5, k - 4 : k + 5] = v.label
    return Volume(data, GRID)


TRUTH = spine_at(50, 35, 20)


@pytest.fixture
def truth(tmp_path):
    folder = tmp_path / "truth"
    noise = np.random.default_rng(0).integers(-500, 900, GRID.shape).astype(np.int16)
    for name in ("a", "b", "c"):
        write_image(Volume(noise, GRID), folder / f"{name}.nii.gz")
        write_centroids(TRUTH, folder / f"{name}.lml", GRID)
        write_mask(mask_of(TRUTH), folder / f"{name}_seg-vert_msk.nii.gz")
    return folder


def results(folder, **spines):
    for name, spine in spines.items():
        (folder / name).mkdir(parents=True)
        files = {"mask": "mask.nii.gz"} if spine.mask else {}
        if spine.mask:
            write_mask(spine.mask, folder / name / "mask.nii.gz")
        Result.of(spine, GRID, files=files).write(folder / name / "result.json")
    return folder


def scores(folder, truth):
    return evaluate(load_pairs(Predictions(folder), find_cases(truth)), resamples=0)


def test_output_of_predict(tmp_path, truth):
    found = spine_at(50, 36, 20, probability=0.9)
    folder = results(tmp_path / "out", a=Spine(found.vertebrae, mask_of(found)), c=spine_at(50))
    result = scores(folder, truth)
    assert result.missing_scans == ("b",)
    assert result.summary["id_rate"].value == pytest.approx(4 / 9)
    assert result.summary["localization_mean"].value == pytest.approx(2 / 4, abs=1e-6)
    assert result.summary["calibration_error"].n == 3
    assert result.scan_scores["a"]["dice"].value == pytest.approx((1 + 8 / 9 + 1) / 3)
    assert result.summary["dice"].n == 9
    assert result.scan_scores["b"]["dice"].value == 0


@pytest.mark.parametrize(
    "name",
    ["a.lml", "a.mrk.json", "a.csv", "a_ctd.json", "deep/a.lml", "a/centroids.json", "a/centroids.lml"],
)
def test_centroid_files(tmp_path, truth, name):
    write_centroids(TRUTH, tmp_path / "out" / name, GRID)
    result = scores(tmp_path / "out", truth)
    assert result.missing_scans == ("b", "c")
    assert result.scan_scores["a"]["localization_mean"].value == pytest.approx(0, abs=0.02)
    assert result.scan_scores["a"]["dice"].value is None


@pytest.mark.parametrize("name", ["a.nii.gz", "a_seg-vert_msk.nii.gz", "a_seg.nii.gz", "a/mask.nii.gz"])
def test_masks_alone(tmp_path, truth, name):
    write_mask(mask_of(TRUTH), tmp_path / "out" / name)
    if "/" in name:
        write_centroids(TRUTH, tmp_path / "out/a/centroids.csv")
    result = scores(tmp_path / "out", truth)
    assert result.scan_scores["a"]["id_rate"].value == 1
    assert result.scan_scores["a"]["dice"].value == 1


def test_a_data_set_against_itself(truth):
    result = scores(truth, truth)
    assert result.summary["all_correct_rate"].value == 1
    assert result.summary["dice"].value == 1


def test_names_are_matched_exactly(tmp_path, truth):
    write_centroids(TRUTH, tmp_path / "out/aa.lml", GRID)
    assert scores(tmp_path / "out", truth).missing_scans == ("a", "b", "c")


def test_damaged_prediction_is_an_error(tmp_path, truth):
    folder = results(tmp_path / "out", a=TRUTH)
    (folder / "a/result.json").write_text("{}")
    with pytest.raises(AnnotationError, match=r"a/result\.json"):
        scores(folder, truth)


def test_no_such_folder(tmp_path):
    with pytest.raises(DatasetError, match="predictions"):
        Predictions(tmp_path / "nowhere")


def test_nothing_and_names_twice():
    with pytest.raises(InputError, match="nothing to evaluate"):
        evaluate([])
    with pytest.raises(InputError, match="x"):
        evaluate([("x", TRUTH, TRUTH), ("x", TRUTH, TRUTH)])


def test_json_round_trip(tmp_path):
    result = evaluate([("a", TRUTH, spine_at(50, 36, probability=0.5)), ("b", TRUTH, None)], resamples=20)
    result.to_json(tmp_path / "e.json")
    assert Evaluation.from_json(tmp_path / "e.json") == result
    document = json.loads((tmp_path / "e.json").read_text())
    assert document["definitions"]["id_rate"]["definition"] == METRICS[0].definition


@pytest.mark.parametrize("text", ["", "[]", '{"schema_version": 2}'])
def test_json_of_something_else(tmp_path, text):
    (tmp_path / "e.json").write_text(text)
    with pytest.raises(InputError, match="not an evaluation"):
        Evaluation.from_json(tmp_path / "e.json")


def test_csv(tmp_path):
    result = evaluate([("a", TRUTH, spine_at(50, 36)), ("b, c", TRUTH, None)], resamples=20)
    result.to_csv(tmp_path / "e.csv")
    rows = list(csv.DictReader((tmp_path / "e.csv").read_text().splitlines()))
    (rate,) = [r for r in rows if (r["scope"], r["metric"]) == ("overall", "id_rate")]
    assert float(rate["value"]) == pytest.approx(2 / 6)
    assert {r["group"] for r in rows if r["scope"] == "scan"} == {"a", "b, c"}
    assert {r["group"] for r in rows if r["scope"] == "level"} == {"L1", "L2", "L3"}
    result.to_vertebra_csv(tmp_path / "v.csv")
    vertebrae = list(csv.DictReader((tmp_path / "v.csv").read_text().splitlines()))
    assert [(r["scan"], r["true"], r["predicted_here"]) for r in vertebrae[:3]] == [
        ("a", "L1", "L1"),
        ("a", "L2", "L2"),
        ("a", "L3", ""),
    ]


def test_command(tmp_path, truth, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    folder = results(
        tmp_path / "out", a=spine_at(50, 36, 20, probability=0.8), c=spine_at(50), stranger=TRUTH
    )
    out = tmp_path / "report"
    command = ["evaluate", folder, truth, "--bootstrap", 50, "--json", out / "e.json", "--csv", out / "e.csv"]
    app([*map(str, command), "--plots", str(out / "plots")], result_action="return_value")
    text = capsys.readouterr().out
    assert "44.4 %" in text
    assert "no prediction, all vertebrae missed: b" in text
    assert "not in the truth, ignored: stranger" in text
    shown = " ".join(text.replace("│", " ").split())
    assert METRICS[0].definition[:60] in shown
    assert Evaluation.from_json(out / "e.json").settings.resamples == 50
    assert {path.name for path in out.rglob("*.*")} == {
        "e.json",
        "e.csv",
        "e-vertebrae.csv",
        "boxplot.png",
        "confusion.png",
        "histogram.png",
        "calibration.png",
    }


def test_documentation_holds_every_definition():
    page = (Path(__file__).parents[2] / "docs/evaluation.md").read_text(encoding="utf-8")
    for metric in METRICS:
        assert f"| `{metric.key}` | {metric.name} | {metric.definition} |" in page
