"""Many scans: names kept apart, bad ones skipped, nothing half-written."""

import json
from importlib import import_module

import pytest

from readers import toy_scan
from spondyl.inference import load_pipeline
from spondyl.inference.batch import Failure, Outcome, Scan, find_scans, predict_scans
from spondyl.io import read_centroids, read_image, read_mask, write_image
from spondyl.result import read_result


@pytest.fixture(scope="module")
def pipeline(reader_model):
    return load_pipeline(reader_model, threads=1)


@pytest.fixture
def scan_file(tmp_path):
    path = tmp_path / "in" / "scan.nii.gz"
    write_image(toy_scan(hounsfield=True).reoriented("LPS"), path)
    return path


def _touch(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"")
    return path


def test_names_from_different_folders_are_told_apart(tmp_path):
    paths = [
        _touch(tmp_path / place)
        for place in ("a/x/ct.nii.gz", "b/x/CT.nii", "b/y/ct.nii.gz", "b/other.nii.gz")
    ]
    scans, failures = find_scans(paths)
    assert failures == []
    assert [scan.path for scan in scans] == paths
    assert [scan.name for scan in scans] == ["a_x_ct", "b_x_CT", "y_ct", "other"]


def test_a_scan_named_twice_is_taken_once(scan_file):
    scans, _ = find_scans([scan_file, scan_file.parent, scan_file.parent / ".." / "in" / scan_file.name])
    assert [scan.name for scan in scans] == ["scan"]


def test_folders_are_searched_and_empty_ones_reported(scan_file, tmp_path):
    (tmp_path / "empty").mkdir()
    scans, failures = find_scans([tmp_path / "empty", scan_file.parent])
    assert [scan.name for scan in scans] == ["scan"]
    assert [failure.path for failure in failures] == [tmp_path / "empty"]
    assert "no scans found" in failures[0].message


def test_all_four_files_hold_the_same_truth(pipeline, scan_file, tmp_path):
    (outcome,) = predict_scans([Scan("scan", scan_file)], tmp_path / "out", pipeline)
    assert isinstance(outcome, Outcome)
    folder = tmp_path / "out" / "scan"
    assert sorted(path.name for path in folder.iterdir()) == [
        "centroids.json",
        "mask.nii.gz",
        "preview.png",
        "result.json",
    ]
    volume = read_image(scan_file)
    direct = pipeline(volume)
    from_result = read_result(folder, mask=True)
    from_centroids = read_centroids(folder / "centroids.json", volume.grid)
    for spine in (outcome.spine, from_result, from_centroids):
        assert spine.names == ("L1", "L2", "S1")
        assert spine.centroids_mm == pytest.approx(direct.centroids_mm, abs=0.01)
    mask = read_mask(folder / "mask.nii.gz")
    assert mask.grid.is_close(volume.grid)
    assert (mask.data == direct.mask.data).all()
    assert (folder / "preview.png").read_bytes().startswith(b"\x89PNG")
    document = json.loads((folder / "result.json").read_text())
    assert document["scan"]["file"] == "scan.nii.gz"
    assert document["engine"]["precision"] == "f32"
    assert set(document["model"]["sha256"]) >= {"detection.onnx", "identification.onnx"}
    assert list(document["timings_s"])[:2] == ["read", "prepare"]
    assert set(document["files"]) == {"centroids", "mask", "preview"}


def test_a_bad_scan_is_skipped_and_the_others_finish(pipeline, scan_file, tmp_path):
    bad = tmp_path / "bad.nii.gz"
    bad.write_bytes(scan_file.read_bytes()[:200])
    scans, _ = find_scans([bad, tmp_path / "nowhere.nii.gz", scan_file])
    outcomes = list(predict_scans(scans, tmp_path / "out", pipeline))
    assert [type(outcome) for outcome in outcomes] == [Failure, Failure, Outcome]
    assert "bad.nii.gz" in outcomes[0].message
    assert "nowhere.nii.gz" in outcomes[1].message
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["scan"]


@pytest.mark.parametrize("error", [RuntimeError("odd"), MemoryError()])
def test_an_unexpected_error_costs_one_scan_only(pipeline, scan_file, tmp_path, error, caplog):
    calls = []

    def sometimes(volume, *, progress=None):
        calls.append(volume)
        if len(calls) == 1:
            raise error
        return pipeline(volume)

    scans = [Scan("one", scan_file), Scan("two", scan_file)]
    first, second = predict_scans(scans, tmp_path / "out", sometimes)
    assert isinstance(first, Failure)
    assert isinstance(second, Outcome)
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["two"]


def test_an_earlier_result_is_replaced_only_on_request(pipeline, scan_file, tmp_path):
    scans = [Scan("scan", scan_file)]
    list(predict_scans(scans, tmp_path, pipeline))
    (tmp_path / "scan" / "note.txt").write_text("mine")
    (again,) = predict_scans(scans, tmp_path, pipeline)
    assert isinstance(again, Failure)
    assert "--overwrite" in again.message
    assert (tmp_path / "scan" / "note.txt").exists()
    (again,) = predict_scans(scans, tmp_path, pipeline, overwrite=True)
    assert isinstance(again, Outcome)
    assert not (tmp_path / "scan" / "note.txt").exists()


def test_what_is_no_result_is_never_replaced(pipeline, scan_file, tmp_path):
    (tmp_path / "scan").mkdir()
    (tmp_path / "scan" / "thesis.tex").write_text("mine")
    (outcome,) = predict_scans([Scan("scan", scan_file)], tmp_path, pipeline, overwrite=True)
    assert isinstance(outcome, Failure)
    assert (tmp_path / "scan" / "thesis.tex").read_text() == "mine"


def test_a_failed_write_leaves_the_earlier_result_and_nothing_else(
    pipeline, scan_file, tmp_path, monkeypatch
):
    scans = [Scan("scan", scan_file)]
    list(predict_scans(scans, tmp_path / "out", pipeline))
    before = (tmp_path / "out" / "scan" / "result.json").read_bytes()

    def disk_full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(import_module("spondyl.report.preview"), "preview", disk_full)
    (outcome,) = predict_scans(scans, tmp_path / "out", pipeline, overwrite=True)
    assert isinstance(outcome, Failure)
    assert "No space left" in outcome.message
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["scan"]
    assert (tmp_path / "out" / "scan" / "result.json").read_bytes() == before
