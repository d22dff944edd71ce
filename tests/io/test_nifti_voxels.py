"""Voxels of NIfTI files: never more than the array that is returned, values as nibabel scales them."""

import gzip
import struct
import tracemalloc

import nibabel as nib
import numpy as np
import pytest
import SimpleITK
from hypothesis import given, settings
from hypothesis import strategies as st

from spondyl.errors import AnnotationError, ImageError
from spondyl.io import read_image, read_mask, voxels
from spondyl.io.nifti import read_nifti

TYPES = ("<i2", ">i2", "<u2", "<i4", ">f4", "<f8", "u1", "i1", "<i8")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("voxels")


def write(path, data, slope=1.0, intercept=0.0, **fields):
    """A file of nibabel with the scaling, and other header fields, set by force."""
    header = nib.Nifti1Header(endianness=">" if data.dtype.byteorder == ">" else "<")
    header.set_data_dtype(data.dtype)
    image = nib.Nifti1Image(data, np.eye(4), header)
    content = bytearray(image.to_bytes())
    order = ">" if header.endianness == ">" else "<"
    struct.pack_into(order + "2f", content, 112, slope, intercept)
    for offset, (form, value) in fields.items():
        struct.pack_into(order + form, content, int(offset.removeprefix("at")), value)
    path.write_bytes(gzip.compress(content, 1) if path.suffix == ".gz" else content)
    return path


@settings(deadline=None, max_examples=60)
@given(
    st.sampled_from(TYPES),
    st.sampled_from([(1, 0), (1, -1024), (1, 0.5), (0.5, 3.25), (2, 0), (0, 0), (float("nan"), 0)]),
    st.sampled_from([".nii", ".nii.gz"]),
)
def test_values_are_those_of_nibabel(folder, dtype, scaling, suffix):
    data = np.random.default_rng(1).integers(-100, 100, (5, 6, 7)).astype(dtype)
    path = write(folder / f"a{suffix}", data, *scaling)
    found = read_nifti(path).data
    expected = np.asarray(nib.load(path).dataobj, np.float64)
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    assert found.dtype.isnative
    if (expected == np.rint(expected)).all() and abs(expected).max() < 30000:
        assert found.dtype in (np.int16, np.uint8, np.int8)
    else:
        assert found.dtype == np.float32


def test_the_first_fraction_widens_what_was_read(folder, monkeypatch):
    monkeypatch.setattr(voxels, "_PIECE_VOX", 50)
    data = np.arange(210, dtype=np.float32).reshape(5, 6, 7)
    data[4, 5, 6] += 0.25
    found = read_nifti(write(folder / "a.nii", data)).data
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, data)


@pytest.mark.parametrize(
    ("dtype", "slope", "intercept", "bytes_each"),
    [("<i2", 1, 0, 2), ("<i2", 1, -1024, 2), ("<f4", 1, 0, 2), ("<f8", 1, 0, 2), ("<i2", 0.5, 0, 4)],
)
@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
def test_memory_is_that_of_the_result(folder, monkeypatch, dtype, slope, intercept, bytes_each, suffix):
    monkeypatch.setattr(voxels, "_PIECE_VOX", 2**16)
    data = np.random.default_rng(0).integers(-1000, 1000, (64, 64, 256)).astype(dtype)
    path = write(folder / f"a{suffix}", data, slope, intercept)
    tracemalloc.start()
    read_image(path)  # imports what it needs
    tracemalloc.reset_peak()
    before = tracemalloc.get_traced_memory()[0]
    found = read_image(path).data
    peak = tracemalloc.get_traced_memory()[1] - before
    tracemalloc.stop()
    assert found.itemsize == bytes_each
    # Untouched pages of the int16 array that a first fraction gives up count here, not in the machine.
    assert peak < found.nbytes * (1.6 if found.dtype == np.float32 else 1.2) + 2.5e6


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz", ".mha", ".nrrd"])
@pytest.mark.parametrize("dtype", ["<f4", "<f8"])
def test_a_large_scan_is_rounded_piece_by_piece(folder, monkeypatch, caplog, dtype, suffix):
    """NaN included, it takes no more than int16 and a few pieces."""
    monkeypatch.setattr(voxels, "_PIECE_VOX", 2**14)
    data = np.random.default_rng(0).uniform(-1000, 1000, (64, 64, 256)).astype(dtype)
    data[3, :, 9] = np.nan
    path = folder / f"large{suffix}"
    if suffix in (".mha", ".nrrd"):
        image = SimpleITK.GetImageFromArray(data.T)
        SimpleITK.WriteImage(image, str(path), useCompression=True)
    else:
        write(path, data)
    exact = read_image(path).data
    assert exact.dtype == np.float32
    np.testing.assert_array_equal(exact, np.nan_to_num(data.astype(np.float32), nan=-1024))
    assert "rounded" not in caplog.text
    monkeypatch.setattr(voxels, "_LARGE_VOX", data.size - 1)
    tracemalloc.start()
    found = read_image(path).data
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found.dtype == np.int16
    np.testing.assert_array_equal(found, np.rint(np.nan_to_num(data, nan=-1024)))
    assert peak < 1.1 * found.nbytes + 2.5e6
    assert "64 of 1048576 voxels are NaN" in caplog.text
    assert "rounded to whole HU" in caplog.text


def test_numbers_that_are_no_hu_are_never_rounded(folder, monkeypatch):
    monkeypatch.setattr(voxels, "_LARGE_VOX", 1)
    data = np.linspace(0, 20, 210, dtype=np.float32).reshape(5, 6, 7)
    path = write(folder / "a.nii", data)
    np.testing.assert_array_equal(read_nifti(path).data, data)
    with pytest.raises(AnnotationError, match="found fractions"):
        read_mask(path)


def test_a_large_scan_of_whole_numbers_keeps_them(folder, monkeypatch, caplog):
    monkeypatch.setattr(voxels, "_LARGE_VOX", 1)
    data = np.random.default_rng(0).integers(-1000, 40_000, (5, 6, 7)).astype("<f4")
    np.testing.assert_array_equal(read_image(write(folder / "a.nii", data)).data, data)
    assert caplog.text == ""


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -352.0, 100.0, 1e30])
def test_voxels_that_begin_nowhere_are_refused(folder, value):
    data = np.random.default_rng(0).integers(-1000, 1000, (5, 6, 7)).astype("<i2")
    with pytest.raises(ImageError, match=r"voxels begin|truncated"):
        read_nifti(write(folder / "a.nii", data, at108=("f", value)))


def test_zero_means_right_after_the_header(folder):
    data = np.random.default_rng(0).integers(-1000, 1000, (5, 6, 7)).astype("<i2")
    np.testing.assert_array_equal(read_nifti(write(folder / "a.nii", data, at108=("f", 0.0))).data, data)


def test_an_infinite_intercept_is_refused(folder):
    data = np.random.default_rng(0).integers(-1000, 1000, (5, 6, 7)).astype("<i2")
    with pytest.raises(ImageError, match="damaged NIfTI header"):
        read_nifti(write(folder / "a.nii", data, 1.0, float("inf")))


def test_values_too_large_for_any_number_become_air(folder, caplog):
    data = np.random.default_rng(0).integers(-1000, 1000, (5, 6, 7)).astype("<f8")
    data[0, 0, 0] = 1e300
    assert read_image(write(folder / "a.nii", data)).data[0, 0, 0] == -1024
    assert "1 of 210 voxels" in caplog.text


def test_a_wrong_checksum_is_refused(folder):
    """Bytes that changed on the way and still unpack; nibabel does not notice."""
    data = np.random.default_rng(0).integers(-1000, 1000, (5, 6, 7)).astype("<i2")
    path = write(folder / "a.nii.gz", data)
    content = bytearray(path.read_bytes())
    content[-8] ^= 1
    path.write_bytes(content)
    with pytest.raises(ImageError, match="damaged"):
        read_nifti(path)


def test_garbage_after_the_end_is_ignored(folder):
    data = np.random.default_rng(0).integers(-1000, 1000, (5, 6, 7)).astype("<i2")
    path = write(folder / "a.nii.gz", data)
    path.write_bytes(path.read_bytes() + b"garbage")
    np.testing.assert_array_equal(read_nifti(path).data, data)
