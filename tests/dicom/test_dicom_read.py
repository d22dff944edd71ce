"""Reading series: HU and places as SimpleITK reads them, in every variant."""

import numpy as np
import pytest
from series_oracle import check_slices, whole
from series_written import CORONAL, SAGITTAL, Series

from spondyl.dicom import find_series, read_series
from spondyl.errors import ImageError

OBLIQUE = (0.98, 0.1, -0.17)


def oblique():
    row = np.array(OBLIQUE) / np.linalg.norm(OBLIQUE)
    column = np.cross([0.1, -0.2, 0.9], row)
    return (*row, *(column / np.linalg.norm(column)))


VARIANTS = {
    "axial": Series(),
    "feet first": Series(axes=(-1, 0, 0, 0, 1, 0)),
    "sagittal": Series(axes=SAGITTAL),
    "coronal": Series(axes=CORONAL),
    "oblique": Series(axes=oblique()),
    "signed": Series(signed=True, bits=16, intercept=0),
    "signed, 12 bits": Series(signed=True, bits=12, intercept=0),
    "unsigned, 16 bits": Series(bits=16),
    "another intercept": Series(intercept=-8192, bits=16),
    "a slope": Series(slope=0.5, bits=16),
}


@pytest.mark.parametrize("name", VARIANTS)
def test_as_simpleitk_reads_it(name, tmp_path):
    series = VARIANTS[name]
    folder = series.write(tmp_path / "scan", order=np.random.default_rng(1).permutation(len(series.hu)))
    read = read_series(folder)
    check_slices(read)
    values, affine = whole(folder)
    assert np.abs(read.volume.data - values).max() <= 1
    assert np.abs(read.volume.grid.affine - affine).max() <= 0.001
    assert read.volume.data.dtype == (np.float32 if "slope" in name else np.int16)
    assert (read.series_uid, read.study_uid) == (series.series_uid, series.study_uid)
    assert [ds.SOPInstanceUID for ds in read.datasets] == [piece.sop_uid for piece in read.slices]
    assert all("PixelData" not in ds for ds in read.datasets)
    assert read.notes == ()


def test_a_slope_of_each_slice(tmp_path):
    def edit(ds, index):
        ds.RescaleSlope, ds.RescaleIntercept = 0.25 + 0.125 * index, -1000 - 10 * index

    folder = Series(bits=16, edit=edit).write(tmp_path)
    read = read_series(folder)
    check_slices(read)
    assert read.volume.data.dtype == np.float32


@pytest.mark.data
@pytest.mark.parametrize("name", ["abdomen_2mm", "chest_abdomen_5mm"])
def test_real_series(name, shared_data):
    read = read_series(shared_data / "dicom" / name)
    check_slices(read, ignore=lambda hu: hu < -1024)
    assert read.notes == ()


def test_what_is_no_series(tmp_path):
    with pytest.raises(ImageError, match="no such file or folder"):
        read_series(tmp_path / "nothing")
    with pytest.raises(ImageError, match="no DICOM file among 0 files"):
        find_series(tmp_path)
