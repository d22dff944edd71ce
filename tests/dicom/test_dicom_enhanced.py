"""Enhanced CT: many slices in a file."""

import numpy as np
import pytest
import SimpleITK
from series_oracle import as_arrays
from series_written import SAGITTAL, Series, store

from spondyl.dicom import read_series
from spondyl.errors import ImageError


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
