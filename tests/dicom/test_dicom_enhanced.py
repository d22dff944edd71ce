"""Enhanced CT: many slices in a file."""

import numpy as np
import pytest
import SimpleITK
from series_oracle import as_arrays
from series_written import SAGITTAL, Series, blobs, store

from spondyl.dicom import read_series, sr_of
from spondyl.errors import ImageError
from spondyl.spine import Spine


@pytest.mark.parametrize("how", [{}, {"axes": SAGITTAL}, {"signed": True, "intercept": 0, "bits": 16}])
def test_as_simpleitk_reads_it(how, tmp_path):
    file = Series(**how).write_enhanced(tmp_path / "scan")
    values, affine = as_arrays(SimpleITK.ReadImage(str(file)))
    read = read_series(file)
    assert np.abs(read.volume.data - values).max() <= 1
    assert np.abs(read.volume.grid.affine - affine).max() <= 0.001
    assert [piece.frame for piece in read.slices] == list(range(9))
    assert len(read.datasets) == 1
    assert "PixelData" not in read.datasets[0]


def test_frames_in_any_order(tmp_path):
    series = Series()
    order = np.random.default_rng(3).permutation(9)
    read = read_series(series.write_enhanced(tmp_path / "scan", order))
    plain = read_series(series.write(tmp_path / "plain"))
    assert np.array_equal(read.volume.data, plain.volume.data)
    assert read.volume.grid.is_close(plain.volume.grid, 1e-6)
    assert [order[piece.frame] for piece in read.slices] == list(range(9))


def test_several_files_are_read_and_not_referred_to(tmp_path):
    hu, uids = blobs((12, 24, 32)), {"study_uid": "1.2.3", "series_uid": "1.2.3.4"}
    Series(hu=hu[:7], **uids).write_enhanced(tmp_path / "1")
    Series(hu=hu[7:], origin=(-30.0, 20.0, -82.5), **uids).write_enhanced(
        tmp_path / "2", order=[4, 1, 3, 0, 2]
    )
    read = read_series(tmp_path)
    assert np.array_equal(read.volume.data.transpose(2, 1, 0), hu)
    assert len(read.datasets) == 2
    with pytest.raises(ImageError, match="join them into one file"):
        sr_of(Spine(()), read)


def test_a_rescale_of_each_frame(tmp_path):
    series = Series(bits=16)

    def edit(ds, index):
        ds.RescaleIntercept = -1024 - index
        store(ds, series.hu[index])

    series.edit = edit
    read = read_series(series.write_enhanced(tmp_path / "scan"))
    assert np.array_equal(read.volume.data.transpose(2, 1, 0), series.hu)


def test_frames_without_places_are_refused(tmp_path):
    file = Series().write_enhanced(tmp_path / "scan")
    raw = file.read_bytes()
    file.write_bytes(raw.replace(b"\x28\x00\x08\x00IS\x02\x009 ", b"\x28\x00\x08\x00IS\x02\x0099"))
    with pytest.raises(ImageError, match="99 frames, but the places of 9"):
        read_series(file)
