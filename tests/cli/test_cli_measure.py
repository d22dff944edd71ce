"""``spondyl measure`` as typed, with the seed's arguments in the seed's order."""

import json

import pytest

from readers import CENTRES, split, toy_scan
from spondyl.anatomy import LABEL_OF
from spondyl.cli import app
from spondyl.errors import DatasetError
from spondyl.io import write_centroids, write_image
from spondyl.spine import Spine


@pytest.fixture
def dataset(tmp_path, monkeypatch):
    scan = toy_scan(hounsfield=True)
    truth = Spine.from_centroids({LABEL_OF[name]: point for name, point in CENTRES.items()})
    for name in ("b", "a"):
        write_image(scan, tmp_path / "testing_dataset" / f"{name}.nii.gz")
        write_centroids(truth, tmp_path / "testing_dataset" / f"{name}.lml", scan.grid)
    monkeypatch.chdir(tmp_path)
    return tmp_path / "testing_dataset"


def _run(*words):
    with pytest.raises(SystemExit) as stopped:
        app([str(word) for word in ("measure", *words)])
    return stopped.value.code


def test_the_seeds_command(dataset, tmp_path, reader_model, capsys):
    detection, identification = split(reader_model, tmp_path / "saved_models")
    assert _run("testing_dataset", detection, identification) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if "testing_dataset" in line] == [
        "0 testing_dataset/a.nii.gz",
        "1 testing_dataset/b.nii.gz",
    ]
    assert lines.count("finish averages") == 2
    assert lines[-4:] == [
        "All Id rate: 100.0% mean: 0.00 std: 0.00",
        "Cervical Id rate: none annotated",
        "Thoracic Id rate: none annotated",
        "Lumbar Id rate: 100.0% mean: 0.00 std: 0.00",
    ]
    assert (tmp_path / "plots" / "boxplot.png").read_bytes().startswith(b"\x89PNG")
    assert (tmp_path / "measurements" / "b" / "result.json").is_file()
    assert not (tmp_path / "measurements" / "b" / "mask.nii.gz").exists()
    evaluation = json.loads((tmp_path / "measurements" / "evaluation.json").read_text())
    assert evaluation["summary"]["id_rate_reference"]["value"] == 1


def test_a_bad_scan_costs_only_itself(dataset, tmp_path, reader_model, capsys):
    (dataset / "a.nii.gz").write_bytes(b"broken")
    options = ("--save-predictions", "-o", tmp_path / "out", "--plots", tmp_path / "pictures")
    assert _run("testing_dataset", reader_model, *options) == 1
    captured = capsys.readouterr()
    assert "a.nii.gz" in captured.err
    assert "1 of 2 scans could not be measured" in captured.err
    assert captured.out.splitlines()[-4].startswith("All Id rate: 100.0%")
    assert (tmp_path / "out" / "b" / "mask.nii.gz").is_file()
    assert (tmp_path / "pictures" / "boxplot.png").is_file()


def test_a_data_set_without_scans(tmp_path, reader_model):
    with pytest.raises(DatasetError):
        app(["measure", str(tmp_path), str(reader_model)])
