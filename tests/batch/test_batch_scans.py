"""Scans found in files and folders, under names of their own."""

import hashlib
import pickle
import subprocess
from pathlib import Path

import pytest

from readers import toy_scan
from spondyl.batch import Scan, find_scans
from spondyl.batch.scans import share
from spondyl.errors import ImageError, InputError
from spondyl.io import write_image


@pytest.fixture
def scan_file(tmp_path):
    path = tmp_path / "in" / "scan.nii.gz"
    write_image(toy_scan(hounsfield=True), path)
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


def test_names_from_one_folder_are_told_apart(tmp_path):
    paths = [_touch(tmp_path / place) for place in ("a/ct.nii.gz", "a/ct.nrrd", "b/ct.nii.gz")]
    assert [scan.name for scan in find_scans(paths)[0]] == ["a_ct", "ct-2", "b_ct"]
    assert [scan.name for scan in find_scans([tmp_path / "a"])[0]] == ["ct", "ct-2"]


def test_a_scan_named_twice_is_taken_once(scan_file):
    scans, _ = find_scans([scan_file, scan_file.parent, scan_file.parent / ".." / "in" / scan_file.name])
    assert [scan.name for scan in scans] == ["scan"]


def test_folders_are_searched_and_empty_ones_reported(scan_file, tmp_path):
    (tmp_path / "empty").mkdir()
    scans, failures = find_scans([tmp_path / "empty", scan_file.parent])
    assert [scan.name for scan in scans] == ["scan"]
    assert [failure.path for failure in failures] == [tmp_path / "empty"]
    assert "no scans found" in failures[0].message


def test_the_hash_is_that_of_sha256sum(scan_file):
    said = subprocess.run(["sha256sum", scan_file], capture_output=True, text=True, check=True).stdout
    assert Scan("scan", scan_file).sha256() == said.split()[0]


def test_the_data_beside_a_header_count(tmp_path):
    header, data = tmp_path / "ct.mhd", tmp_path / "voxels.raw"
    header.write_text("NDims = 3\nDimSize = 4 4 4\nElementType = MET_SHORT\nElementDataFile = voxels.raw\n")
    data.write_bytes(b"one")
    scan = Scan("ct", header)
    digests = [hashlib.sha256(path.read_bytes()).hexdigest() for path in (header, data)]
    assert scan.sha256() == hashlib.sha256("".join(digests).encode()).hexdigest()
    before = scan.stamp()
    data.write_bytes(b"other")
    assert scan.stamp() != before


def test_what_cannot_be_read_says_so(tmp_path):
    scan = Scan("gone", tmp_path / "gone.nii.gz")
    assert scan.stamp() is None
    with pytest.raises(ImageError, match=r"gone\.nii\.gz"):
        scan.sha256()


def test_a_scan_can_be_sent(scan_file):
    scan = Scan("scan", scan_file)
    assert pickle.loads(pickle.dumps(scan)) == scan
    with scan.at_hand() as here:
        assert here.read().grid.shape == toy_scan().grid.shape


def test_parts_are_disjoint_even_and_complete():
    scans = [Scan(f"scan{number}", Path(f"{number}.nii")) for number in range(1000)]
    parts = [share(scans, f"{number}/8") for number in range(8)]
    assert sorted(scan.name for part in parts for scan in part) == sorted(scan.name for scan in scans)
    assert all(90 < len(part) < 160 for part in parts)
    assert share(scans[::-1], "3/8") == parts[3][::-1]  # whatever the order
    assert share(scans, "0/1") == scans


@pytest.mark.parametrize("part", ["", "1", "1/1", "2/1", "-1/2", "a/b", "0/0"])
def test_what_is_no_part_is_refused(part):
    with pytest.raises(InputError, match="0 to N - 1"):
        share([], part)
