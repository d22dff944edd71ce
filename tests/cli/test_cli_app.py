"""The program as a whole: errors of any kind become one message and an exit code."""

import json
import sys
import threading

import pytest

from readers import CENTRES, toy_scan
from spondyl.anatomy import label_of
from spondyl.cli import app, main
from spondyl.errors import DatasetError, ModelError, OutputError
from spondyl.io import write_centroids, write_image
from spondyl.spine import Spine


@pytest.fixture
def typed(monkeypatch, capsys):
    """Type a command; gives exit code and standard error."""
    monkeypatch.setattr(threading, "excepthook", threading.excepthook)  # main sets its own

    def run(*words):
        monkeypatch.setattr(sys, "argv", ["spondyl", *map(str, words)])
        with pytest.raises(SystemExit) as stopped:
            main()
        return stopped.value.code, capsys.readouterr().err

    return run


@pytest.fixture
def dataset(tmp_path):
    """A toy scan with its true centroids."""
    scan = toy_scan(hounsfield=True)
    truth = Spine.from_centroids({label_of(name): point for name, point in CENTRES.items()})
    write_image(scan, tmp_path / "data" / "patient.nii.gz")
    write_centroids(truth, tmp_path / "data" / "patient.lml", scan.grid)
    return tmp_path / "data"


def test_the_home_folder_in_an_option(typed, dataset, tmp_path, reader_model, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(dataset)
    code, _ = typed("predict", "~/data/patient.nii.gz", "--output=~/out put ü", "--model", reader_model)
    assert code == 0
    assert (tmp_path / "out put ü" / "patient" / "result.json").is_file()
    assert [path.name for path in dataset.iterdir() if path.is_dir()] == []


def test_ctrl_c_leaves_nothing_half_written(typed, dataset, tmp_path, reader_model, monkeypatch):
    def interrupted(_self, _path):
        raise KeyboardInterrupt

    monkeypatch.setattr("spondyl.result.Result.write", interrupted)  # the last file of a scan
    code, said = typed("predict", dataset, "-o", tmp_path / "out", "--model", reader_model)
    assert code == 130
    assert said.strip().endswith("spondyl: interrupted")
    assert not list((tmp_path / "out").iterdir())


def test_an_error_of_the_file_system_is_one_message(typed, dataset, tmp_path, monkeypatch):
    def unreadable(*_args, **_more):
        raise PermissionError(13, "Permission denied", "model.json")

    monkeypatch.setattr("spondyl.inference.load_pipeline", unreadable)
    code, said = typed("predict", dataset, "-o", tmp_path / "out")
    assert (code, said.strip()) == (2, "spondyl: model.json: Permission denied")


@pytest.mark.parametrize(
    "words",
    [
        ["predict", "data", "-o", "file"],
        ["measure", "data", "-o", "file"],
        ["measure", "data", "--plots", "file/plots"],
        ["samples", "detection", "data", "file"],
        ["train", "detection", "data", "data", "model", "--logs", "file"],
        ["train", "detection", "data", "data", "file"],
        ["train", "detection", "data", "data", "data"],
        ["evaluate", "data", "data", "--json", "file/x.json"],
        ["show", "centroids", "data", "data", "-o", "picture.docx"],
    ],
    ids=lambda words: "-".join(words).replace("/", "_"),
)
def test_a_place_that_cannot_be_written_is_refused_before_any_work(words, dataset, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").touch()
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(OutputError):
        app(words, result_action="return_value")
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("command", [["evaluate"], ["show", "centroids"]])
def test_predictions_of_other_scans_are_the_wrong_folder(command, dataset, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "others").mkdir()
    (tmp_path / "others" / "stranger.csv").write_text("name,x_mm,y_mm,z_mm\nL1,1,2,3\n")
    words = {"evaluate": ["others", "data"], "show": ["data", "others"]}[command[0]]
    with pytest.raises(DatasetError, match="no prediction"):
        app([*command, *words], result_action="return_value")


def test_one_missing_prediction_is_a_missed_scan(dataset, tmp_path):
    write_image(toy_scan(hounsfield=True), dataset / "other.nii.gz")
    (dataset / "other.lml").write_text((dataset / "patient.lml").read_text())
    (tmp_path / "found").mkdir()
    (tmp_path / "found" / "patient.lml").write_text((dataset / "patient.lml").read_text())
    report = tmp_path / "report.json"
    words = ["evaluate", tmp_path / "found", dataset, "--json", report, "--bootstrap", 0]
    app([str(word) for word in words], result_action="return_value")
    assert json.loads(report.read_text())["summary"]["id_rate"]["value"] == 0.5


def test_help_shows_defaults_that_say_something(capsys):
    app(["predict", "--help"], result_action="return_value")
    shown = capsys.readouterr().out
    assert "[default: auto]" in " ".join(shown.replace("│", " ").split())
    assert "None" not in shown
    assert "False" not in shown


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["predict", "data"], "--output is missing: Folder for the results"),
        (["shift", "results", "1"], "--by is missing: Levels towards the feet"),
        (["train", "detection", "a", "b"], "MODEL is missing: The model folder to write"),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_what_was_left_out_is_named_with_what_it_is_for(words, message, capsys):
    with pytest.raises(SystemExit) as stopped:
        app(words)
    said = " ".join(capsys.readouterr().err.replace("│", " ").split())
    assert stopped.value.code == 2
    assert message in said
    assert said.count("--help") == 1


def test_a_file_gets_no_blank_lines_of_bars_and_names_stay_as_they_are(
    dataset, tmp_path, reader_model, capsys
):
    (dataset / "patient.nii.gz").rename(dataset / "CT [bold] Müller.nii.gz")
    out = tmp_path / "out [red]"
    words = ["predict", dataset, "-o", out, "--model", reader_model, "--no-measurements"]
    assert app([str(word) for word in words], result_action="return_value") == 0
    told = capsys.readouterr()
    assert told.err == ""
    assert "CT [bold] Müller: 3 vertebrae" in told.out
    assert "out [red]" in told.out


def test_a_server_without_its_model_does_not_start(tmp_path):
    with pytest.raises(ModelError, match="no model folder"):
        app(
            ["serve", "--data", str(tmp_path / "cases"), "--model", str(tmp_path)],
            result_action="return_value",
        )
    assert not (tmp_path / "cases").exists()
