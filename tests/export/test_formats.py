"""All formats from one spine: what is chosen is written, listed, and reads back."""

import logging
from dataclasses import replace
from importlib.util import find_spec

import numpy as np
import pytest
from blobs import blob_spine, grid_around

from spondyl.errors import AnnotationError, InputError, MissingDependencyError, OutputError
from spondyl.export import FORMATS, chosen_formats, formats
from spondyl.export.convert import export_result
from spondyl.io import read_centroids, read_mask
from spondyl.outputs import DEFAULT, write_outputs
from spondyl.result import Result, read_result
from spondyl.spine import Spine
from spondyl.volume import Volume

ALONE = {kind for kind in FORMATS if not FORMATS[kind].needs_series}
"""What can be written of a scan that is no DICOM; the others are in tests/dicom."""


@pytest.fixture
def volume():
    grid = grid_around((2, 2, 2))
    return Volume(np.random.default_rng(1).integers(-100, 300, grid.shape).astype(np.int16), grid)


@pytest.fixture
def result(tmp_path, volume):
    write_outputs(blob_spine(volume.grid), volume, tmp_path / "out" / "scan")
    return tmp_path / "out" / "scan"


def test_every_format_is_written_and_listed(tmp_path, volume):
    spine = blob_spine(volume.grid)
    result = write_outputs(spine, volume, tmp_path / "scan", also=list(FORMATS))
    assert set(result.files) == ALONE
    for name in result.files.values():
        assert (tmp_path / "scan" / name).exists()
    for name in ("centroids.json", "centroids.mrk.json", "centroids.csv", "centroids.lml"):
        read = read_centroids(tmp_path / "scan" / name, volume.grid)
        assert read.names == ("T12", "T13", "L1")
        np.testing.assert_allclose(read.centroids_mm, spine.centroids_mm, atol=2e-3)
    for name in ("mask.nii.gz", "mask.seg.nrrd", "segmentations"):
        read = read_mask(tmp_path / "scan" / name, volume.grid)
        np.testing.assert_array_equal(read.data, spine.mask.data)
    assert not list((tmp_path / "scan").glob(".*"))


def test_totalsegmentator_files_read_back_identically(tmp_path, result):
    (path,) = export_result(result, ["totalsegmentator"]).values()
    assert sorted(file.name for file in path.iterdir()) == [
        f"vertebrae_{name}.nii.gz" for name in ("L1", "T12", "T13")
    ]
    whole, parts = read_mask(result / "mask.nii.gz"), read_mask(path)
    np.testing.assert_array_equal(parts.data, whole.data)
    assert parts.data.dtype == whole.data.dtype
    np.testing.assert_array_equal(parts.grid.affine, whole.grid.affine)


def test_exports_beside_the_result_are_listed(result):
    before = Result.read(result / "result.json")
    assert set(before.files) == set(DEFAULT)
    export_result(result, ["csv", "nrrd"])
    after = Result.read(result / "result.json")
    assert after.files == {**before.files, "csv": "centroids.csv", "nrrd": "mask.seg.nrrd"}
    assert after.vertebrae == before.vertebrae
    (result / "centroids.csv").write_text("old")
    export_result(result, ["csv"])  # ours, so it may be written again
    assert read_centroids(result / "centroids.csv").names == ("T12", "T13", "L1")


def test_exports_elsewhere_leave_the_result_alone(tmp_path, result):
    before = (result / "result.json").read_bytes()
    paths = export_result(result, ["stl", "mrk"], tmp_path / "there")
    assert paths == {"stl": tmp_path / "there" / "stl", "mrk": tmp_path / "there" / "centroids.mrk.json"}
    assert all(path.exists() for path in paths.values())
    assert (result / "result.json").read_bytes() == before
    with pytest.raises(OutputError, match="--overwrite"):
        export_result(result, ["csv", "stl"], tmp_path / "there")
    assert not (tmp_path / "there" / "centroids.csv").exists()
    export_result(result, ["csv", "stl"], tmp_path / "there", overwrite=True)


def test_somebodys_file_is_not_overwritten(result):
    (result / "centroids.lml").write_text("mine")
    with pytest.raises(OutputError, match=r"centroids.lml: exists"):
        export_result(result, ["lml"])
    assert (result / "centroids.lml").read_text() == "mine"


def test_without_a_mask(tmp_path, volume, caplog):
    spine = replace(blob_spine(volume.grid), mask=None)
    with caplog.at_level(logging.WARNING):
        result = write_outputs(spine, volume, tmp_path / "scan", also=["nrrd", "csv"])
    assert set(result.files) == {"centroids", "preview", "csv"}
    assert ["mask.seg.nrrd" in record.message for record in caplog.records] == [True]
    with pytest.raises(AnnotationError, match="there is no mask"):
        export_result(tmp_path / "scan", ["lml", "stl"])
    assert not (tmp_path / "scan" / "centroids.lml").exists()


def test_nothing_found_is_written_in_every_format(tmp_path, volume):
    empty = Spine((), Volume(np.zeros(volume.grid.shape, np.uint8), volume.grid))
    result = write_outputs(empty, volume, tmp_path / "scan", also=list(FORMATS))
    assert set(result.files) == ALONE
    assert len(read_centroids(tmp_path / "scan" / "centroids.csv")) == 0


def test_words_are_checked(monkeypatch):
    assert chosen_formats("nrrd, STL,nrrd,") == ("nrrd", "stl")
    assert chosen_formats("") == ()
    with pytest.raises(InputError, match=r"'obj'; there are mask, nrrd"):
        chosen_formats("nrrd,obj")
    assert find_spec("skimage")
    monkeypatch.setattr(formats, "find_spec", lambda name: None)
    with pytest.raises(MissingDependencyError, match=r"spondyl\[mesh\]"):
        chosen_formats("csv,ply")
    assert chosen_formats("csv") == ("csv",)


def test_the_way_to_the_scan_is_recorded(tmp_path, volume):
    scan = tmp_path / "scans" / "a.nii.gz"
    scan.parent.mkdir()
    scan.touch()
    result = write_outputs(blob_spine(volume.grid), volume, tmp_path / "out" / "a", file=scan)
    assert (result.scan.file, result.scan.path) == ("a.nii.gz", "../../scans/a.nii.gz")
    result = write_outputs(blob_spine(volume.grid), volume, tmp_path / "out" / "b", file="b.nii.gz")
    assert (result.scan.file, result.scan.path) == ("b.nii.gz", None)


def test_all_files_hold_the_numbers_of_the_result(tmp_path, volume):
    spine = Spine.from_centroids({20: (10 + 1 / 3, 20 + 1e-7, 30 - 2 / 3)})
    write_outputs(spine, volume, tmp_path / "scan", also=["csv"])
    read = read_centroids(tmp_path / "scan" / "centroids.csv")
    assert read["L1"].centroid_mm == read_result(tmp_path / "scan")["L1"].centroid_mm
