"""``spondyl predict`` as typed: tables for people, JSON for programs, exit codes for scripts."""

import json
import subprocess
import sys

import pytest

from readers import split, toy_scan
from spondyl.batch import InProcess
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
        app(["predict", str(scan), "-o", str(tmp_path / "out"), "--segmentation", str(reader_model)])
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


def test_many_scans_get_a_line_each_and_a_sum(scan, tmp_path, reader_model, capsys):
    for number in range(4):
        (scan.parent / f"copy{number}.nii.gz").write_bytes(scan.read_bytes())
    (scan.parent / "bad.nii.gz").write_bytes(b"no image")
    words = (scan.parent, "-o", tmp_path / "out", "--model", reader_model)
    assert _run(*words) == 1
    captured = capsys.readouterr()
    printed = captured.out.splitlines()
    assert len([line for line in printed if "3 vertebrae in" in line and "scans/min" in line]) == 5
    assert "6 scans: 5 done, 1 failed; " in captured.out
    assert "1 of 6 scans failed; the manifest in" in captured.err
    assert _run(*words) == 1
    captured = capsys.readouterr()
    assert captured.out.strip() == "6 scans: 5 skipped, 1 failed"
    assert "--retry-failed" in captured.err
    (scan.parent / "bad.nii.gz").unlink()
    assert _run(*words) == 0


def test_parts_of_the_scans(scan, tmp_path, reader_model, capsys):
    words = (scan, "-o", tmp_path / "out", "--model", reader_model, "--json")
    codes = [_run(*words, "--shard", f"{part}/2") for part in (0, 1)]
    assert codes == [0, 0]
    assert [path.name for path in (tmp_path / "out").iterdir() if path.is_dir()] == ["patient"]
    assert capsys.readouterr().out.count('"status": "done"') == 1
    with pytest.raises(InputError, match="--shard"):
        app(["predict", *map(str, words), "--shard", "2/2"])


def test_workers(scan, tmp_path, reader_model, capsys):
    (scan.parent / "other.nii.gz").write_bytes(scan.read_bytes())
    words = (scan.parent, "-o", tmp_path / "out", "--model", reader_model, "--workers", 2)
    assert _run(*words) == 0
    assert "patient: 3 vertebrae" in capsys.readouterr().out


@pytest.mark.parametrize(("options", "limit_s"), [(["--time-limit", 7], 7), (["--workers", 2], 3600)])
def test_a_time_limit_needs_a_process(scan, tmp_path, reader_model, monkeypatch, options, limit_s):
    """One worker, too, must be one that can be ended."""
    asked = []

    class Pool(InProcess):
        def __init__(self, workers, *, limit_s):
            asked.append((workers, limit_s))
            super().__init__()

    (scan.parent / "other.nii.gz").write_bytes(scan.read_bytes())
    monkeypatch.setattr("spondyl.batch.ProcessPool", Pool)
    assert _run(scan.parent, "-o", tmp_path / "out", "--model", reader_model, *options) == 0
    assert asked == [(2 if "--workers" in options else 1, limit_s)]
