import os
import re
from pathlib import Path

import pytest
from datasets_helpers import touch

from spondyl.datasets import find_cases
from spondyl.datasets.files import list_files
from spondyl.errors import DatasetError


def test_biomedia_nested_and_sorted(tmp_path):
    for name in ("spine-2/b", "spine-1/patient0001/2804506/2804506", "a"):
        touch(tmp_path / f"{name}.nii.gz", tmp_path / f"{name}.lml")
    cases = find_cases(tmp_path)
    assert [case.name for case in cases] == ["a", "2804506", "b"]
    assert cases[1].centroids == tmp_path / "spine-1/patient0001/2804506/2804506.lml"
    assert cases == find_cases(str(tmp_path))


def test_phantom_mask_beside_is_attached_and_no_case_of_its_own(tmp_path):
    touch(tmp_path / "p.nii.gz", tmp_path / "p.lml", tmp_path / "p_seg-vert_msk.nii.gz")
    (case,) = find_cases(tmp_path, annotated=False)
    assert (case.name, case.mask) == ("p", tmp_path / "p_seg-vert_msk.nii.gz")


@pytest.mark.parametrize("ending", [".lml", "_ctd.json", ".mrk.json", ".csv"])
def test_centroid_formats_beside_a_scan(tmp_path, ending):
    touch(tmp_path / "a.nii", tmp_path / f"a{ending}")
    (case,) = find_cases(tmp_path)
    assert case.centroids == tmp_path / f"a{ending}"


def test_verse_in_two_trees_with_a_split_scan(tmp_path):
    root = tmp_path / "dataset-01training"
    for name in ("sub-gl003/sub-gl003_dir-ax", "sub-verse401/sub-verse401_split-verse201"):
        touch(
            root / "rawdata" / f"{name}_ct.nii.gz",
            root / "derivatives" / f"{name}_seg-vert_msk.nii.gz",
            root / "derivatives" / f"{name}_seg-subreg_ctd.json",
            root / "derivatives" / f"{name}_seg-vert_snp.png",
        )
    cases = find_cases(tmp_path)
    assert [case.name for case in cases] == ["sub-gl003_dir-ax", "sub-verse401_split-verse201"]
    derivatives = root / "derivatives" / "sub-verse401"
    assert cases[1].mask == derivatives / "sub-verse401_split-verse201_seg-vert_msk.nii.gz"
    assert cases[1].centroids == derivatives / "sub-verse401_split-verse201_seg-subreg_ctd.json"


def test_verse_in_one_folder(tmp_path):
    touch(
        tmp_path / "sub-1_ct.nii.gz",
        tmp_path / "sub-1_seg-vert_msk.nii.gz",
        tmp_path / "sub-2_seg-vert_msk.nii.gz",
    )
    (case,) = find_cases(tmp_path)
    assert (case.name, case.mask) == ("sub-1", tmp_path / "sub-1_seg-vert_msk.nii.gz")


def test_totalsegmentator(tmp_path):
    touch(*(tmp_path / "s0002" / "segmentations" / f"vertebrae_{v}.nii.gz" for v in ("L1", "T12")))
    touch(tmp_path / "s0002" / "segmentations" / "liver.nii.gz", tmp_path / "s0002" / "ct.nii.gz")
    touch(tmp_path / "s0001" / "segmentations" / "liver.nii.gz", tmp_path / "s0001" / "ct.nii.gz")
    (case,) = find_cases(tmp_path)
    assert (case.name, case.masks) == ("s0002", tmp_path / "s0002" / "segmentations")
    assert [(c.name, c.annotated) for c in find_cases(tmp_path, annotated=False)] == [
        ("s0001", False),
        ("s0002", True),
    ]


def test_ctspine1k_keeps_dots_in_names(tmp_path):
    touch(
        tmp_path / "volumes/COLONOG/1.3.6.1.0477.nii.gz", tmp_path / "labels/COLONOG/1.3.6.1.0477_seg.nii.gz"
    )
    touch(tmp_path / "volumes/MSD-T10/liver_0.nii.gz")
    assert [(c.name, c.mask is not None) for c in find_cases(tmp_path, annotated=False)] == [
        ("1.3.6.1.0477", True),
        ("liver_0", False),
    ]


def test_mixed_layouts(tmp_path):
    touch(
        tmp_path / "verse/rawdata/sub-1/sub-1_ct.nii.gz", tmp_path / "verse/derivatives/sub-1/sub-1_ctd.json"
    )
    touch(tmp_path / "ts/s1/ct.nii.gz", tmp_path / "ts/s1/segmentations/vertebrae_L1.nii.gz")
    touch(tmp_path / "bio/x_ct.nii.gz", tmp_path / "bio/x_ct.lml")
    assert [case.name for case in find_cases(tmp_path)] == ["x_ct", "s1", "sub-1"]


def test_bare_scans_only_when_asked(tmp_path):
    touch(tmp_path / "a.nii.gz", tmp_path / "b.nrrd", tmp_path / "b.lml", tmp_path / "mask.nii.gz")
    assert [case.name for case in find_cases(tmp_path)] == ["b"]
    assert [case.name for case in find_cases(tmp_path, annotated=False)] == ["a", "b"]


def test_same_name_twice_gets_its_folders_in_front(tmp_path):
    for place in ("one", "two/deep"):
        touch(tmp_path / place / "a.nii.gz", tmp_path / place / "a.lml")
    touch(tmp_path / "b.nii.gz", tmp_path / "b.lml")
    assert [case.name for case in find_cases(tmp_path)] == ["b", "one-a", "two-deep-a"]


def test_a_case_is_called_the_same_with_and_without_bare_scans(tmp_path):
    touch(tmp_path / "one" / "ct.nii.gz", tmp_path / "one" / "ct.lml", tmp_path / "two" / "ct.nii.gz")
    assert [case.name for case in find_cases(tmp_path, annotated=False)] == ["one-ct", "two-ct"]
    assert [case.name for case in find_cases(tmp_path)] == ["one-ct"]


def test_names_that_folders_do_not_tell_apart_get_a_number(tmp_path):
    for place in ("scan.nii.gz", "scan.nrrd", "Scan-2.nii", "a/b.nii", "a-b.nii", "b.nii"):
        touch(tmp_path / place)
    cases = find_cases(tmp_path, annotated=False)
    assert {case.image.relative_to(tmp_path).as_posix(): case.name for case in cases} == {
        "Scan-2.nii": "Scan-2",
        "a/b.nii": "a-b",
        "a-b.nii": "a-b-2",
        "b.nii": "b",
        "scan.nii.gz": "scan",
        "scan.nrrd": "scan-3",
    }


def test_hidden_files_and_link_loops_are_harmless(tmp_path):
    touch(tmp_path / "a.nii.gz", tmp_path / "a.lml", tmp_path / "._a.nii.gz", tmp_path / ".git" / "b.nii.gz")
    (tmp_path / "loop").symlink_to(tmp_path, target_is_directory=True)
    assert [case.name for case in find_cases(tmp_path, annotated=False)] == ["a"]


def test_nothing_found_says_what_was_looked_for(tmp_path):
    touch(tmp_path / "notes.txt")
    with pytest.raises(DatasetError) as caught:
        find_cases(tmp_path)
    for layout in (
        "BioMedIA",
        "VerSe",
        "TotalSegmentator",
        "CTSpine1K",
        "NAME.lml",
        "rawdata",
        str(tmp_path),
    ):
        assert layout in str(caught.value)


def test_scans_without_annotation_are_named(tmp_path):
    touch(tmp_path / "a.nii.gz")
    with pytest.raises(
        DatasetError, match=r"1 scan\(s\) found, e\.g\. a\.nii\.gz, but none with an annotation"
    ):
        find_cases(tmp_path)


def test_no_folder(tmp_path):
    with pytest.raises(DatasetError, match=re.escape("none: expected a folder with scans, found nothing")):
        find_cases(tmp_path / "none")
    touch(tmp_path / "a.nii.gz")
    with pytest.raises(DatasetError, match="found a file"):
        find_cases(tmp_path / "a.nii.gz")


@pytest.mark.data
def test_real_folders(shared_data):
    training = find_cases(shared_data / "spine-ct" / "training_dataset")
    assert len(training) == 21
    assert {case.centroids.suffix for case in training} == {".lml"}
    masks = {case.name: case for case in find_cases(shared_data / "masks")}
    assert {"sub-verse006", "sub-verse008"} <= set(masks)


def test_a_folder_that_cannot_be_read_is_named(tmp_path, monkeypatch, caplog):
    def denied(_folder, onerror, **_more):
        onerror(PermissionError(13, "Permission denied", str(tmp_path / "locked")))
        return iter([])

    monkeypatch.setattr(os, "walk", denied)
    with pytest.raises(DatasetError, match="no scans found"):
        find_cases(tmp_path)
    assert "locked: left out, cannot be read: Permission denied" in caplog.text


def test_results_are_no_scans(tmp_path):
    touch(tmp_path / "patient" / "result.json", tmp_path / "patient" / "mask.nii.gz")
    with pytest.raises(DatasetError, match="holds results of 'spondyl predict'; expected a folder of scans"):
        find_cases(tmp_path, annotated=False)


def test_what_has_no_partner_is_named(tmp_path, caplog):
    touch(tmp_path / "a.nii.gz", tmp_path / "a.lml", tmp_path / "b" / "bare.nii.gz", tmp_path / "c.lml")
    assert [case.name for case in find_cases(tmp_path)] == ["a"]
    assert f"left out, without annotation: {Path('b/bare.nii.gz')} (1 in all)" in caplog.text
    assert "left out, without scan: c.lml (1 in all)" in caplog.text
    caplog.clear()
    assert len(find_cases(tmp_path, annotated=False)) == 2
    assert not caplog.text


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes here")
@pytest.mark.timeout(20)
def test_what_has_no_end_is_left_out(tmp_path, caplog):
    """Opening a pipe waits until somebody writes into it."""
    (tmp_path / "scan.nii.gz").write_bytes(b"")
    os.mkfifo(tmp_path / "pipe.nii.gz")
    (tmp_path / "gone.nii.gz").symlink_to(tmp_path / "nowhere")
    assert [path.name for path in list_files(tmp_path)] == ["gone.nii.gz", "scan.nii.gz"]
    assert "pipe.nii.gz: left out" in caplog.text
