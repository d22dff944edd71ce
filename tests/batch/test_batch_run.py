"""Runs in this process: what is written, skipped, refused, tried again, and left alone."""

import json
import shutil
from contextlib import ExitStack
from dataclasses import replace
from importlib import import_module
from threading import Timer
from types import SimpleNamespace

import pytest

from spondyl.batch import InProcess, Scan, read_manifest, run_batch
from spondyl.batch.job import choose_model
from spondyl.batch.records import Task
from spondyl.batch.worker import Worker
from spondyl.errors import DiskFullError, ImageError, OutputError
from spondyl.io import read_centroids, read_image, read_mask
from spondyl.io.claims import claimed
from spondyl.models import default_model_folder
from spondyl.result import read_result


def _folders(out):
    return sorted(path.name for path in out.iterdir() if path.is_dir())


def _lines(out):
    return [(record.name, record.status) for record in read_manifest(out)]


def test_all_four_files_hold_the_same_truth(run, pipeline, scan_file, tmp_path):
    (record,) = run([Scan("scan", scan_file)])
    assert record.status == "done"
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
    for spine in (record.result.to_spine(), from_result, from_centroids):
        assert spine.names == ("L1", "L2", "S1")
        assert spine.centroids_mm == pytest.approx(direct.centroids_mm, abs=0.01)
    mask = read_mask(folder / "mask.nii.gz")
    assert mask.grid.is_close(volume.grid)
    assert (mask.data == direct.mask.data).all()
    assert (folder / "preview.png").read_bytes().startswith(b"\x89PNG")
    document = json.loads((folder / "result.json").read_text())
    assert document["scan"]["file"] == "scan.nii.gz"
    assert document["scan"]["sha256"] == Scan("scan", scan_file).sha256()
    assert document["engine"]["precision"] == "f32"
    assert set(document["model"]["sha256"]) >= {"detection.onnx", "identification.onnx"}
    assert list(document["timings_s"])[:2] == ["read", "prepare"]
    assert set(document["files"]) == {"centroids", "mask", "preview"}


def test_a_bad_scan_is_skipped_and_the_others_finish(run, scan_file, tmp_path):
    bad = tmp_path / "bad.nii.gz"
    bad.write_bytes(scan_file.read_bytes()[:200])
    scans = [Scan("bad", bad), Scan("nowhere", tmp_path / "nowhere.nii.gz"), Scan("scan", scan_file)]
    records = {record.name: record for record in run(scans)}
    assert {name: record.status for name, record in records.items()} == {
        "bad": "failed",
        "nowhere": "failed",
        "scan": "done",
    }
    assert "bad.nii.gz" in records["bad"].message
    assert "nowhere.nii.gz" in records["nowhere"].message
    assert _folders(tmp_path / "out") == ["scan"]
    assert sorted(_lines(tmp_path / "out")) == sorted((r.name, r.status) for r in records.values())


@pytest.mark.parametrize("error", [RuntimeError("odd"), MemoryError()])
def test_an_unexpected_error_costs_one_scan_only(run, pipeline, many_scans, tmp_path, error, caplog):
    calls = []

    def sometimes(volume, *, progress=None):
        calls.append(volume)
        if len(calls) == 1:
            raise error
        return pipeline(volume)

    records = run(many_scans(2), sometimes)
    assert sorted(record.status for record in records) == ["done", "failed"]
    assert _folders(tmp_path / "out") == [record.name for record in records if not record.bad]


def test_what_is_done_is_not_done_again(run, many_scans, tmp_path):
    def forbidden(volume, *, progress=None):
        raise AssertionError

    scans = many_scans(3)
    assert [record.status for record in run(scans)] == ["done"] * 3
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").glob("*/*")}
    again = run(scans, forbidden)
    assert [record.status for record in again] == ["skipped"] * 3
    assert not any(record.bad for record in again)
    assert {record.result.scan.sha256 for record in again} == {scan.sha256() for scan in scans}
    (tmp_path / "out" / "manifest.jsonl").unlink()  # the results speak for themselves
    assert [record.status for record in run(scans, forbidden)] == ["skipped"] * 3
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "out").glob("*/*")} == before


def test_unchanged_files_are_not_even_read(run, many_scans, monkeypatch):
    scans = many_scans(2)
    run(scans)
    monkeypatch.setattr(Scan, "sha256", None)
    assert [record.status for record in run(scans)] == ["skipped"] * 2


def test_a_changed_scan_is_refused_until_overwritten(run, many_scans, tmp_path):
    (scan, other) = many_scans(2)
    run([scan])
    (tmp_path / "out" / scan.name / "note.txt").write_text("mine")
    other.path.replace(scan.path)
    (refused,) = run([scan])
    assert refused.status == "failed"
    assert "another state" in refused.message
    assert "--overwrite" in refused.message
    assert (tmp_path / "out" / scan.name / "note.txt").exists()
    (done,) = run([scan], overwrite=True)
    assert (done.status, done.sha256) == ("done", scan.sha256())
    assert not (tmp_path / "out" / scan.name / "note.txt").exists()
    assert [record.status for record in run([scan])] == ["skipped"]


def test_another_model_or_further_files_are_refused(run, job, pipeline, scan_file):
    scans = [Scan("scan", scan_file)]
    run(scans)
    (refused,) = run_batch(scans, replace(job(), fingerprint="0" * 64), InProcess(pipeline))
    assert "of another model (model)" in refused.message
    (refused,) = run(scans, also=("csv",))
    assert "without csv" in refused.message
    assert [r.status for r in run(scans, also=("csv",), overwrite=True)] == ["done"]
    assert [r.status for r in run(scans)] == ["skipped"]  # more than was asked for will do


def test_what_failed_is_tried_again_on_demand_only(run, pipeline, many_scans):
    scans, fail = many_scans(2), [True]

    def moody(volume, *, progress=None):
        if fail and volume.data.min() == -1001:
            raise ValueError
        return pipeline(volume)

    assert sorted(record.status for record in run(scans, moody)) == ["done", "failed"]
    fail.clear()
    again = {record.name: record for record in run(scans, moody)}
    assert again["scan01"].status == "skipped"
    assert again["scan01"].bad
    assert "ValueError" in again["scan01"].message
    once_more = {record.name: record for record in run(scans, moody, retry_failed=True)}
    assert {name: record.status for name, record in once_more.items()} == {
        "scan00": "skipped",
        "scan01": "done",
    }
    assert not any(record.bad for record in run(scans, moody))


def test_a_scan_that_could_not_be_read_is_tried_again_by_itself(run, scan_file, monkeypatch):
    """Neither its size nor its time of change tells that somebody gave permission."""

    def refused(_):
        raise ImageError("Permission denied")

    scans = [Scan("scan", scan_file)]
    with monkeypatch.context() as patch:
        patch.setattr(Scan, "sha256", refused)
        assert [record.status for record in run(scans)] == ["failed"]
    assert [record.status for record in run(scans)] == ["done"]


def test_a_known_scan_that_cannot_be_read_today_is_tried_again_by_itself(
    run, scan_file, tmp_path, monkeypatch
):
    """What an earlier run knew of its content does not make it the scan's own fault."""
    scans = [Scan("scan", scan_file)]
    run(scans)
    shutil.rmtree(tmp_path / "out" / "scan")  # its result is wanted anew
    with monkeypatch.context() as patch:

        def no_permission(path):
            raise ImageError(f"{path}: cannot be read: Permission denied")

        patch.setattr("spondyl.batch.scans._sha256", no_permission)
        assert [record.kind for record in run(scans)] == ["ImageError"]
    assert [record.status for record in run(scans)] == ["done"]


def test_a_scan_taken_from_a_lost_worker_waits_until_that_has_ended(job, pipeline, scan_file, tmp_path):
    """Ray tells of a killed worker before its process, and with it its claim, has ended."""
    worker, scan = Worker(job(), pipeline), Scan("scan", scan_file)
    with ExitStack() as others:
        others.enter_context(claimed(tmp_path / "out" / "scan"))
        assert worker.process(Task(scan)).message == "another run is at work on it"
        Timer(0.5, others.close).start()
        assert worker.process(Task(scan, patience_s=60)).status == "done"


def test_a_scan_that_was_repaired_is_tried_again_by_itself(run, scan_file, tmp_path):
    bad = tmp_path / "bad.nii.gz"
    bad.write_bytes(scan_file.read_bytes()[:200])
    assert [record.status for record in run([Scan("bad", bad)])] == ["failed"]
    assert [record.status for record in run([Scan("bad", bad)])] == ["skipped"]
    bad.write_bytes(scan_file.read_bytes())
    assert [record.status for record in run([Scan("bad", bad)])] == ["done"]


def test_what_is_no_result_is_never_replaced(run, scan_file, tmp_path):
    (tmp_path / "out" / "scan").mkdir(parents=True)
    (tmp_path / "out" / "scan" / "thesis.tex").write_text("mine")
    (record,) = run([Scan("scan", scan_file)], overwrite=True)
    assert record.status == "failed"
    assert (tmp_path / "out" / "scan" / "thesis.tex").read_text() == "mine"


def test_a_failed_write_leaves_the_earlier_result_and_nothing_else(run, scan_file, tmp_path, monkeypatch):
    scans = [Scan("scan", scan_file)]
    run(scans)
    before = (tmp_path / "out" / "scan" / "result.json").read_bytes()

    def forbidden(*_):
        raise OSError(13, "Permission denied")

    monkeypatch.setattr(import_module("spondyl.report.preview"), "preview", forbidden)
    (record,) = run(scans, overwrite=True)
    assert record.status == "failed"
    assert "Permission denied" in record.message
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["manifest.jsonl", "scan"]
    assert (tmp_path / "out" / "scan" / "result.json").read_bytes() == before


def test_a_full_disk_ends_the_run(run, many_scans, tmp_path, monkeypatch):
    scans, count = many_scans(6), []
    real = import_module("spondyl.report.preview").preview

    def soon_full(*given):
        count.append(1)
        if len(count) > 2:
            raise OSError(28, "No space left on device")
        return real(*given)

    monkeypatch.setattr(import_module("spondyl.report.preview"), "preview", soon_full)
    with pytest.raises(DiskFullError, match=r"free some space.*run the same command again"):
        run(scans)
    assert len(count) <= 4  # and not the rest of them
    assert len(_folders(tmp_path / "out")) == 2
    monkeypatch.undo()
    records = run(scans)
    assert sorted(record.status for record in records) == ["done"] * 4 + ["skipped"] * 2


def test_a_disk_that_is_full_without_saying_so(run, many_scans, monkeypatch):
    def refuses(*_given, **_more):
        raise OutputError("somehow")

    monkeypatch.setattr("spondyl.batch.results.write_outputs", refuses)
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=0))
    with pytest.raises(DiskFullError, match="somehow"):
        run(many_scans(1))


def test_an_interrupted_run_leaves_whole_results_only(job, pipeline, many_scans, tmp_path):
    records = run_batch(many_scans(5), job(), InProcess(pipeline))
    first = next(records)
    records.close()
    out = tmp_path / "out"
    assert first.name in _folders(out)
    for folder in _folders(out):
        assert read_result(out / folder).names == ("L1", "L2", "S1")
    assert [path.name for path in out.iterdir() if path.name.startswith(".")] == []


def test_a_model_of_two_folders_or_of_three():
    folder = default_model_folder()  # it holds every stage
    assert set(choose_model([folder] * 2).info.stages) == {"detection", "identification"}
    assert set(choose_model([folder] * 3).info.stages) == {"detection", "identification", "segmentation"}
