import numpy as np
import pytest
from datasets_helpers import write_nifti

from spondyl.datasets import Case, find_cases
from spondyl.errors import AnnotationError

LPS = np.diag([-1.0, -1.0, 2.0, 1.0])


@pytest.fixture
def scan(tmp_path):
    """A scan, its mask with two blocks (L1 over L2), and an .lml with L1."""
    mask = np.zeros((20, 24, 20), np.uint8)
    mask[5:15, 6:16, 11:17] = 20
    mask[5:15, 6:16, 3:9] = 21
    write_nifti(tmp_path / "a.nii.gz", np.where(mask, 300, -50).astype(np.int16), LPS)
    write_nifti(tmp_path / "a_seg-vert_msk.nii.gz", mask, LPS)
    (tmp_path / "a.lml").write_text("# header\n200\tL1_center\t9.5\t8.0\t27.0\n")
    return tmp_path


def test_centroids_come_from_their_file_with_the_mask_attached(scan):
    (case,) = find_cases(scan)
    volume, spine = case.load()
    assert volume.data.min() == -50
    assert spine.names == ("L1",)
    np.testing.assert_allclose(spine["L1"].centroid_mm, (-9.5, -8.0, 27.0), atol=1e-4)
    assert spine.mask.grid.is_close(volume.grid)
    assert set(np.unique(spine.mask.data)) == {0, 20, 21}


def test_without_centroid_file_they_come_from_the_mask(scan):
    (scan / "a.lml").unlink()
    (case,) = find_cases(scan)
    _, spine = case.load()
    assert spine.names == ("L1", "L2")
    np.testing.assert_allclose(spine["L1"].centroid_mm[2], 27.0, atol=0.6)


def test_mask_stored_with_other_axes_is_turned(scan):
    (case,) = find_cases(scan)
    original = case.load()[1].mask
    turned = original.reoriented("PIR")
    write_nifti(case.mask, turned.data, turned.grid.affine)
    again = case.load()[1].mask
    np.testing.assert_array_equal(again.data, original.data)
    assert again.grid.is_close(original.grid)


def test_mask_on_another_grid_is_refused(scan):
    (case,) = find_cases(scan)
    write_nifti(case.mask, np.zeros((20, 24, 19), np.uint8), LPS)
    with pytest.raises(AnnotationError, match=r"a_seg-vert_msk\.nii\.gz: the mask lies on another grid"):
        case.load()


def test_totalsegmentator_masks_become_one(tmp_path):
    write_nifti(tmp_path / "s1" / "ct.nii.gz", np.arange(12000, dtype=np.int16).reshape(20, 20, 30) % 900)
    for name, low in {"T12": 17, "L1": 5}.items():
        data = np.zeros((20, 20, 30), np.uint8)
        data[5:15, 5:15, low : low + 9] = 1
        write_nifti(tmp_path / "s1" / "segmentations" / f"vertebrae_{name}.nii.gz", data)
    write_nifti(tmp_path / "s1" / "segmentations" / "vertebrae_C1.nii.gz", np.zeros((20, 20, 30), np.uint8))
    (case,) = find_cases(tmp_path)
    _, spine = case.load()
    assert spine.names == ("T12", "L1")
    np.testing.assert_allclose(spine["T12"].centroid_mm[2], 21, atol=0.6)
    assert set(np.unique(spine.mask.data)) == {0, 19, 20}


def test_bare_scan_has_no_spine(scan):
    case = Case("a", scan / "a.nii.gz")
    assert not case.annotated
    with pytest.raises(AnnotationError, match="no centroids and no mask"):
        case.load()


@pytest.mark.data
def test_every_real_case_lies_inside_its_scan(shared_data):
    for case in find_cases(shared_data / "spine-ct" / "testing_dataset"):
        volume, spine = case.load()
        assert len(spine) >= 3
        assert volume.grid.contains(spine.centroids_mm).all()
