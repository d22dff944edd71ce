"""Vertebra masks: VerSe numbers, TotalSegmentator's folder, and masks that do not fit."""

import nibabel as nib
import numpy as np
import pytest
from hypothesis import given, settings

from spondyl.anatomy import LABEL_OF
from spondyl.errors import AnnotationError
from spondyl.io import read_mask, write_image, write_mask
from spondyl.volume import Grid, Volume
from strategies import grids, orientations

GRID = Grid.from_spacing((8, 9, 10), (2, 1, 3), "PIR")


def some_labels(grid=GRID, labels=(0, 1, 19, 28, 20, 25, 26, 27)):
    values = np.random.default_rng(3).choice(np.array(labels, np.uint8), grid.shape)
    return Volume(values, grid)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("masks")


@settings(deadline=None, max_examples=25)
@given(grids(), orientations)
def test_masks_round_trip_and_turn_to_their_scan(folder, grid, codes):
    mask = some_labels(grid)
    write_mask(mask.reoriented(codes), folder / "a.nii.gz")
    assert nib.load(folder / "a.nii.gz").get_data_dtype() == np.uint8
    found = read_mask(folder / "a.nii.gz", grid)
    assert found.grid is grid
    assert found.data.dtype == np.uint8
    np.testing.assert_array_equal(found.data, mask.data)
    assert read_mask(folder / "a.nii.gz").grid.codes == codes


@pytest.mark.parametrize("dtype", ["float64", "float32", "int16", "uint16", "int32"])
def test_whole_numbers_of_any_type(tmp_path, dtype):
    mask = some_labels()
    nib.save(nib.Nifti1Image(mask.data.astype(dtype), GRID.affine), tmp_path / "a.nii.gz")
    found = read_mask(tmp_path / "a.nii.gz")
    assert found.data.dtype == np.uint8
    np.testing.assert_array_equal(found.data, mask.data)


def test_an_empty_mask_is_a_mask(tmp_path):
    write_mask(Volume(np.zeros(GRID.shape, np.uint8), GRID), tmp_path / "a.nii.gz")
    assert not read_mask(tmp_path / "a.nii.gz").data.any()


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (0.5, "expected whole numbers"),
        (np.nan, "expected whole numbers"),
        (29, "found 29"),
        (50, r"found 50 \(TotalSegmentator"),
        (-1, "found -1 to"),
        (1000, "to 1000"),
    ],
)
def test_what_is_not_a_vertebra_mask_is_refused(tmp_path, value, message):
    data = some_labels().data.astype(np.float32)
    data[0, 0, 0] = value
    write_image(Volume(data, GRID), tmp_path / "a.nii.gz")
    with pytest.raises(AnnotationError, match=message) as error:
        read_mask(tmp_path / "a.nii.gz")
    assert "a.nii.gz" in str(error.value)


def test_only_verse_numbers_are_written(tmp_path):
    with pytest.raises(AnnotationError, match="found 40"):
        write_mask(Volume(np.full(GRID.shape, 40), GRID), tmp_path / "a.nii.gz")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "other",
    [
        Grid((8, 9, 11), GRID.affine),
        Grid(GRID.shape, GRID.affine @ np.diag([1.1, 1, 1, 1])),
        Grid(GRID.shape, GRID.affine + np.array([[0, 0, 0, 3.0]] + [[0] * 4] * 3)),
    ],
)
def test_a_mask_on_another_grid_than_its_scan_is_refused(tmp_path, other):
    write_mask(some_labels(other), tmp_path / "a.nii.gz")
    with pytest.raises(AnnotationError, match=r"another grid than its scan: 8 x 9 x 1[01] voxels of"):
        read_mask(tmp_path / "a.nii.gz", GRID)


@pytest.mark.parametrize("name", ["missing.nii.gz", "empty.nii.gz", "text.nii.gz", "a.png"])
def test_unreadable_masks_are_annotation_errors(tmp_path, name):
    if name != "missing.nii.gz":
        (tmp_path / name).write_bytes(b"" if "empty" in name else b"nothing")
    with pytest.raises(AnnotationError, match=name):
        read_mask(tmp_path / name)


def totalsegmentator(folder, grid=GRID):
    folder.mkdir()
    parts = {
        "vertebrae_T12": 1,
        "vertebrae_L1": 3,
        "vertebrae_S1": 5,
        "sacrum": 5,
        "liver": 0,
        "vertebrae_C1": None,
    }
    for name, row in parts.items():
        data = np.zeros(grid.shape, np.uint8)
        if row is not None:
            data[row : row + 2] = 1
        write_image(Volume(data, grid), folder / f"{name}.nii.gz")
    return folder


def test_a_folder_with_one_file_per_vertebra(tmp_path):
    found = read_mask(totalsegmentator(tmp_path / "segmentations"), GRID)
    rows = [np.unique(found.data[row]).tolist() for row in range(8)]
    assert rows == [[0], [19], [19], [20], [20], [26], [26], [0]]
    assert found.data.dtype == np.uint8
    assert read_mask(tmp_path / "segmentations").grid.is_close(GRID)


def test_where_two_vertebrae_overlap_the_upper_one_keeps_the_voxel(tmp_path):
    folder = totalsegmentator(tmp_path / "segmentations")
    write_image(Volume(np.ones(GRID.shape, np.uint8), GRID), folder / "vertebrae_T13.nii.gz")
    found = read_mask(folder)
    assert [found.data[row, 0, 0] for row in range(8)] == [28, 19, 19, 28, 28, 28, 28, 28]


def test_folders_that_do_not_fit_are_refused(tmp_path):
    folder = totalsegmentator(tmp_path / "segmentations")
    with pytest.raises(AnnotationError, match="another grid"):
        read_mask(folder, Grid((8, 9, 11), GRID.affine))
    write_image(some_labels(Grid((8, 9, 11), GRID.affine)), folder / "vertebrae_L2.nii.gz")
    with pytest.raises(AnnotationError, match=r"vertebrae_L2.*another grid"):
        read_mask(folder)
    (tmp_path / "none").mkdir()
    with pytest.raises(AnnotationError, match=r"expected vertebra masks such as vertebrae_T12\.nii\.gz"):
        read_mask(tmp_path / "none")


def test_totalsegmentators_class_numbers(tmp_path):
    """Classes of version 2: 25 sacrum, 26 S1, 27 L5 ... 31 L1, 32 T12 ... 43 T1, 44 C7 ... 50 C1."""
    expected = {50: "C1", 44: "C7", 43: "T1", 32: "T12", 31: "L1", 27: "L5", 26: "S1"}
    data = np.zeros(GRID.shape, np.uint8)
    data[0, 0, : len(expected)] = list(expected)
    data[1] = 25
    data[2] = 90
    write_image(Volume(data, GRID), tmp_path / "ml.nii.gz")
    found = read_mask(tmp_path / "ml.nii.gz", numbering="totalsegmentator")
    assert found.data[0, 0, : len(expected)].tolist() == [LABEL_OF[name] for name in expected.values()]
    assert not found.data[1:].any()
