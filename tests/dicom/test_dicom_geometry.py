"""Slices in every order, number and distance: the volume shows each place as it is."""

import shutil

import numpy as np
import pydicom
import pytest
from pydicom.uid import generate_uid
from series_oracle import check_slices
from series_written import CORONAL, SAGITTAL, Series, blobs

from spondyl.dicom import find_series, read_series
from spondyl.errors import ImageError

GRADIENT = np.array([3.0, -2.0, 4.0])  # HU per mm; what is linear, linear interpolation keeps


def ramp(**how) -> Series:
    """A series whose HU are a linear function of the place."""
    series = Series(hu=np.zeros((how.pop("slices", 12), 24, 32), int), bits=16, **how)
    rows, columns = np.meshgrid(np.arange(24), np.arange(32), indexing="ij")
    planes = []
    for ds in series.datasets():
        axes = np.array(ds.ImageOrientationPatient, float)
        lps = (
            np.array(ds.ImagePositionPatient, float)
            + columns[..., None] * series.pixel_mm[1] * axes[:3]
            + rows[..., None] * series.pixel_mm[0] * axes[3:]
        )
        planes.append((lps * (-1, -1, 1)) @ GRADIENT)
    series.hu = np.rint(planes).astype(int)
    return series


def check_ramp(read) -> None:
    """Voxels away from the sides of the slices have the value of their place."""
    data, grid = read.volume.data, read.volume.grid
    places = np.stack(np.meshgrid(*map(np.arange, grid.shape), indexing="ij"), axis=-1)
    error = np.abs(data - grid.to_world(places) @ GRADIENT)
    inside = data != -1024
    for shift in ((1, 0), (-1, 0), (1, 1), (-1, 1)):
        inside &= np.roll(data != -1024, *shift)
    assert inside.mean() > 0.4
    assert error[inside].max() <= 1.5


def steps(*numbers, mm=2.5):
    return tuple(float(mm * number) for number in numbers)


@pytest.mark.parametrize("order", [range(11, -1, -1), [3, 7, 0, 11, 5, 1, 9, 2, 10, 4, 8, 6]])
def test_any_order_of_files(order, tmp_path):
    read = read_series(ramp().write(tmp_path, order))
    check_ramp(read)
    assert read.volume.grid.shape == (32, 24, 12)
    assert [ds.InstanceNumber for ds in read.datasets] == list(range(1, 13))


def test_missing_slices_are_interpolated(tmp_path):
    read = read_series(ramp(heights_mm=steps(*range(5), *range(7, 14))).write(tmp_path))
    check_ramp(read)
    check_slices(read)
    assert read.volume.grid.shape == (32, 24, 14)
    assert len(read.slices) == len(read.datasets) == 12
    assert read.notes == ("2 slices were interpolated where steps are wider, up to 7.50 mm",)


def test_too_wide_a_gap_is_refused(tmp_path):
    series = ramp(heights_mm=steps(*range(5), *range(10, 17)))
    with pytest.raises(ImageError, match=r"a gap of 15\.0 mm after slice 5 of 12 \(usually 2\.50 mm\)"):
        read_series(series.write(tmp_path))


@pytest.mark.parametrize(
    ("heights", "step"),
    [
        ((*range(6), 8, 11, 14, 17, 20, 23), 1.0),
        ((0, 1, 2.2, 3, 4.1, 6, 7.3, 8, 9, 10.6, 12, 13), 0.8),
    ],
)
def test_varying_steps_become_even(heights, step, tmp_path):
    read = read_series(ramp(heights_mm=tuple(map(float, heights))).write(tmp_path))
    check_ramp(read)
    check_slices(read)
    assert read.volume.grid.spacing_mm[2] == pytest.approx(step, abs=0.05)
    assert "interpolated" in read.notes[0]


@pytest.mark.parametrize(
    "axes", [(1, 0, 0, 0, 1, 0), SAGITTAL, CORONAL], ids=["axial", "sagittal", "coronal"]
)
@pytest.mark.parametrize("tilt", [14.0, -21.5])
def test_gantry_tilt_is_straightened(tilt, axes, tmp_path):
    read = read_series(ramp(tilt_deg=tilt, axes=axes).write(tmp_path))
    check_ramp(read)
    check_slices(read)
    directions = read.volume.grid.affine[:3, :3] / read.volume.grid.spacing_mm
    assert np.allclose(directions.T @ directions, np.eye(3), atol=1e-6)
    assert "the gantry was tilted" in read.notes[0]


def test_tilt_and_a_missing_slice(tmp_path):
    read = read_series(ramp(tilt_deg=15, heights_mm=steps(*range(5), *range(6, 13))).write(tmp_path))
    check_ramp(read)
    check_slices(read)


def test_copies_of_files_are_left_out(tmp_path):
    folder = Series().write(tmp_path)
    shutil.copy(folder / "IM0003", folder / "again")
    read = read_series(folder)
    check_slices(read)
    assert read.notes == ("1 copies of slices were left out",)


def test_slices_sent_twice_under_new_names(tmp_path):
    folder = Series().write(tmp_path)
    ds = pydicom.dcmread(folder / "IM0003")
    ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    ds.InstanceNumber = 104
    ds.save_as(folder / "resent")
    read = read_series(folder)
    check_slices(read)
    assert len(read.slices) == 9
    assert read.notes == ("1 slices at the place of another were left out",)


def second_scan(first: Series, **how) -> Series:
    return Series(study_uid=first.study_uid, series_uid=first.series_uid, **how)


def test_of_two_phases_one_is_read(tmp_path):
    first = Series(tags={"AcquisitionNumber": 1})
    first.write(tmp_path / "a")
    second_scan(first, hu=first.hu + 50, tags={"AcquisitionNumber": 2}).write(tmp_path / "b")
    read = read_series(tmp_path)
    assert {ds.AcquisitionNumber for ds in read.datasets} == {1}
    check_slices(read)


def test_mixed_pictures_of_one_place_are_refused(tmp_path):
    first = Series()
    first.write(tmp_path / "a")
    second_scan(first, hu=first.hu + 50).write(tmp_path / "b")
    with pytest.raises(ImageError, match="nothing says which belong together"):
        read_series(tmp_path)


def test_scans_that_overlap_at_their_ends_are_joined(tmp_path):
    first = Series(tags={"AcquisitionNumber": 1})
    first.write(tmp_path / "a")
    second_scan(first, heights_mm=steps(*range(8, 17)), tags={"AcquisitionNumber": 2}).write(tmp_path / "b")
    assert read_series(tmp_path).volume.grid.shape[2] == 17


def test_localizer_and_reformat_within_a_series(tmp_path):
    first = Series()
    first.write(tmp_path / "a")
    localizer = {"ImageType": ["ORIGINAL", "PRIMARY", "LOCALIZER"]}
    second_scan(first, hu=blobs((2, 30, 30)), axes=CORONAL, tags=localizer).write(tmp_path / "b")
    second_scan(first, hu=blobs((3, 24, 32)), axes=SAGITTAL).write(tmp_path / "c")
    read = read_series(tmp_path)
    check_slices(read)
    assert read.notes == (
        "2 file(s) left out: a localizer",
        "3 slices of another orientation or size were left out",
    )


@pytest.mark.parametrize(
    ("how", "reason"),
    [
        ({"hu": blobs((1, 8, 8))}, "at least 4"),
        ({"heights_mm": (5.0,) * 9}, "all 9 slices lie at one place"),
        ({"tilt_deg": 60.0}, "beside each other"),
        ({"origin": (1e9, 0, 0)}, "from the origin"),
        ({"pixel_mm": (0.0, 0.0)}, "expected 0.01 to 30 mm"),
        ({"pixel_mm": (29.0, 170.0)}, "expected 0.01 to 30 mm"),
        ({"hu": blobs((110, 8, 8)), "heights_mm": tuple(29.0 * n for n in range(110))}, "longer than 3000"),
        ({"axes": (1, 0, 0, 1, 0, 0)}, "not perpendicular"),
    ],
)
def test_what_is_no_volume_is_refused(how, reason, tmp_path):
    (info,) = find_series(Series(**how).write(tmp_path))
    assert reason in info.problem
    with pytest.raises(ImageError, match=reason):
        read_series(tmp_path)
