"""``spondyl predict`` as typed: tables for people, JSON for programs, exit codes for scripts."""

import json
import subprocess
import sys

import pytest

from readers import split, toy_scan
from spondyl.cli import app
from spondyl.errors import InputError, ModelError
from spondyl.io import write_image


@pytest.fixture
def scan(tmp_path):
    path = tmp_path / "scans" / "patient.nii.gz"
    write_image(toy_scan(hounsfield=True), path)
    return path


def _run(*words):
    with pytest.raises(SystemExit) as stopped:
        app([str(word) for word in ("predict", *words)])
    return stopped.value.code


def test_a_table_for_people(scan, tmp_path, reader_model, capsys):
    assert _run(scan, "-o", tmp_path / "out", "--model", reader_model) == 0
    printed = capsys.readouterr().out
    assert "patient: 3 vertebrae" in printed
    assert "30.5" in printed
    assert str(tmp_path / "out" / "patient") in printed.replace("\n", "")


def test_json_for_programs_and_nothing_else(scan, tmp_path, reader_model, capsys):
    bad = tmp_path / "bad.nii.gz"
    bad.write_bytes(b"no image")
    assert _run(scan.parent, bad, "-o", tmp_path / "out", "--model", reader_model, "--json") == 1
    captured = capsys.readouterr()
    summary = json.loads(captured.out)
    assert [result["name"] for result in summary["results"]] == ["patient"]
    assert [v["name"] for v in summary["results"][0]["result"]["vertebrae"]] == ["L1", "L2", "S1"]
    assert [failure["input"] for failure in summary["failed"]] == [str(bad)]
    assert "bad.nii.gz" in captured.err


def test_nothing_usable_is_exit_code_2(tmp_path, reader_model, capsys):
    (tmp_path / "empty").mkdir()
    out = tmp_path / "out"
    for inputs in ([tmp_path / "no.nii.gz"], [tmp_path / "empty"], []):
        assert _run(*inputs, "-o", out, "--model", reader_model) == 2
        assert "spondyl: " in capsys.readouterr().err
    assert [path.name for path in out.iterdir()] == ["manifest.jsonl"]


def test_two_single_stage_models(scan, tmp_path, reader_model, capsys):
    detection, identification = split(reader_model, tmp_path / "saved")
    options = ("--detection", detection, "--identification", identification)
    assert _run(scan, "-o", tmp_path / "out", *options, "--threads", 1, "--engine", "onnxruntime") == 0
    result = json.loads((tmp_path / "out" / "patient" / "result.json").read_text())
    assert result["engine"]["name"] == "onnxruntime"
    assert len(result["vertebrae"]) == 3


def test_options_that_do_not_go_together(scan, tmp_path, reader_model):
    with pytest.raises(InputError, match="both --detection and --identification"):
        app(["predict", str(scan), "-o", str(tmp_path / "out"), "--detection", str(reader_model)])


def test_a_model_that_is_none(scan, tmp_path):
    with pytest.raises(ModelError):
        app(["predict", str(scan), "-o", str(tmp_path / "out"), "--model", str(tmp_path)])


def test_no_threads_at_all_is_refused(scan, tmp_path, reader_model, capsys):
    assert _run(scan, "-o", tmp_path / "out", "--model", reader_model, "--threads", 0) != 0
    assert "threads" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_as_a_program_without_torch(scan, tmp_path, reader_model):
    code = "import sys; sys.modules['torch'] = None; from spondyl.cli import main; main()"
    words = ["predict", scan, "-o", tmp_path / "out", "--model", reader_model, "--json"]
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code, *map(str, words)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert len(json.loads(done.stdout)["results"]) == 1
    again = subprocess.run(
        [sys.executable, "-c", code, *map(str, words)], capture_output=True, text=True, check=False
    )
    assert again.returncode == 0, again.stderr
    assert [entry["status"] for entry in json.loads(again.stdout)["results"]] == ["skipped"]
