"""Stored values to HU: compression, bits, signs, padding."""

import shutil
import subprocess

import numpy as np
import pydicom
import pytest
from pydicom.uid import RLELossless
from series_oracle import check_slices
from series_written import Series, blobs

from spondyl.dicom import read_series
from spondyl.errors import ImageError
from spondyl.io import voxels

STORED = {
    "unsigned, 12 bits": {},
    "signed, 12 bits": {"signed": True, "intercept": 0},
    "signed, 16 bits": {"signed": True, "intercept": 0, "bits": 16},
}
DCMTK = {
    "JPEG lossless": ("dcmcjpeg", "+e1"),
    "JPEG lossless, process 14": ("dcmcjpeg", "+el"),
    "JPEG-LS": ("dcmcjpls",),
    "RLE": ("dcmcrle",),
    "implicit VR": ("dcmconv", "+ti"),
    "deflated": ("dcmconv", "+td"),
    "big endian": ("dcmconv", "+tb"),
    "without file header": ("dcmconv", "-F", "+ti"),
}


def gdcm_copy(source, target, syntax):
    import gdcm

    reader = gdcm.ImageReader()
    reader.SetFileName(str(source))
    assert reader.Read()
    change = gdcm.ImageChangeTransferSyntax()
    change.SetTransferSyntax(gdcm.TransferSyntax(getattr(gdcm.TransferSyntax, syntax)))
    change.SetInput(reader.GetImage())
    assert change.Change()
    writer = gdcm.ImageWriter()
    writer.SetFile(reader.GetFile())
    writer.SetImage(change.GetOutput())
    writer.SetFileName(str(target))
    assert writer.Write()


@pytest.mark.parametrize("stored", STORED)
@pytest.mark.parametrize("syntax", ["JPEG2000Lossless", "JPEGLSLossless", "JPEGLosslessProcess14_1"])
def test_compressed_by_gdcm(syntax, stored, tmp_path):
    series = Series(hu=blobs((4, 24, 32)), **STORED[stored])
    folder = series.write(tmp_path / "plain")
    (tmp_path / "packed").mkdir()
    for file in folder.iterdir():
        gdcm_copy(file, tmp_path / "packed" / file.name, syntax)
    read = read_series(tmp_path / "packed")
    assert np.array_equal(read.volume.data.transpose(2, 1, 0), series.hu)
    assert read.datasets[0].file_meta.TransferSyntaxUID.is_compressed


@pytest.mark.skipif(shutil.which("dcmcjpls") is None, reason="dcmtk is not installed (Debian: dcmtk)")
@pytest.mark.parametrize("stored", STORED)
@pytest.mark.parametrize("name", DCMTK)
def test_rewritten_by_dcmtk(name, stored, tmp_path):
    series = Series(hu=blobs((4, 24, 32)), **STORED[stored])
    folder = series.write(tmp_path / "plain")
    (tmp_path / "new").mkdir()
    for file in folder.iterdir():
        subprocess.run([*DCMTK[name], str(file), str(tmp_path / "new" / file.name)], check=True)
    read = read_series(tmp_path / "new")
    assert np.array_equal(read.volume.data.transpose(2, 1, 0), series.hu)


@pytest.mark.skipif(shutil.which("dcmcjpeg") is None, reason="dcmtk is not installed (Debian: dcmtk)")
def test_jpeg_extended_is_refused_with_the_reason(tmp_path):
    folder = Series(hu=blobs((4, 24, 32))).write(tmp_path / "plain")
    (tmp_path / "new").mkdir()
    for file in folder.iterdir():
        subprocess.run(["dcmcjpeg", "+ee", str(file), str(tmp_path / "new" / file.name)], check=True)
    with pytest.raises(
        ImageError, match=r"JPEG Extended \(lossy, 12 bits\), which is not decoded here; have it"
    ):
        read_series(tmp_path / "new")


def test_compressed_by_pydicom(tmp_path):
    series = Series(edit=lambda ds, _: ds.compress(RLELossless, generate_instance_uid=False))
    read = read_series(series.write(tmp_path))
    assert np.array_equal(read.volume.data.transpose(2, 1, 0), series.hu)


def test_bits_above_those_in_use_are_ignored(tmp_path):
    def edit(ds, _):
        ds.PixelData = (np.frombuffer(ds.PixelData, np.uint16) | 0xF000).tobytes()

    check_slices(read_series(Series(edit=edit).write(tmp_path)))


@pytest.mark.parametrize("how", [{"signed": True, "bits": 16}, {"bits": 16}])
def test_padding_is_air(how, tmp_path):
    hu = blobs((5, 24, 32))
    hu[:, :5] = -3024 if how.get("signed") else 20_000
    padding = -2000 if how.get("signed") else 21_024
    series = Series(hu=hu, tags={"PixelPaddingValue": padding}, **how)
    read = read_series(series.write(tmp_path))
    data = read.volume.data.transpose(2, 1, 0)
    assert (data[:, :5] == -1024).all()
    assert np.array_equal(data[:, 5:], hu[:, 5:])


def test_a_range_of_padding(tmp_path):
    hu = blobs((5, 24, 32))
    hu[:, :5] = -3000 + np.arange(32)
    tags = {"PixelPaddingValue": -2000, "PixelPaddingRangeLimit": -1900}
    read = read_series(Series(hu=hu, signed=True, bits=16, tags=tags).write(tmp_path))
    assert (read.volume.data[:, :5] == -1024).all()


def test_padding_that_could_be_tissue_counts_at_the_border_only(tmp_path):
    hu = blobs((5, 24, 32))
    hu[hu == 0] = 1
    hu[:, :5] = 0
    hu[:, 12, 12] = 0
    tags = {"PixelPaddingValue": 0}
    read = read_series(Series(hu=hu, signed=True, bits=16, intercept=0, tags=tags).write(tmp_path))
    data = read.volume.data.transpose(2, 1, 0)
    assert (data[:, :5] == -1024).all()
    assert (data[:, 12, 12] == 0).all()


def test_values_beyond_16_bits_are_kept(tmp_path):
    hu = blobs((5, 24, 32))
    hu[2, 3, 4] = 40_000
    data = read_series(Series(hu=hu, bits=16).write(tmp_path)).volume.data
    assert data.dtype == np.float32
    assert data[4, 3, 2] == 40_000


def test_a_large_series_is_rounded_to_whole_hu(tmp_path, monkeypatch, caplog):
    folder = Series(slope=0.5, bits=16, hu=blobs((5, 24, 32)) + 0.5).write(tmp_path)
    exact = read_series(folder).volume
    assert exact.data.dtype == np.float32
    assert "rounded" not in caplog.text
    monkeypatch.setattr(voxels, "_LARGE_VOX", exact.data.size - 1)
    found = read_series(folder).volume
    assert found.data.dtype == np.int16
    np.testing.assert_array_equal(found.data, np.rint(exact.data))
    assert "rounded to whole HU" in caplog.text


def test_headers_keep_everything_but_the_pixels(tmp_path):
    folder = Series(tags={"StudyID": "S7"}).write(tmp_path)
    original = pydicom.dcmread(folder / "IM0000")
    (first, *_) = read_series(folder).datasets
    del original.PixelData
    assert first == original
