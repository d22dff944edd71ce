"""Reading and writing CTs: every orientation, every kind of bad file."""

import gzip
import logging
import resource
import signal
import struct
import subprocess
import sys
from contextlib import contextmanager

import nibabel as nib
import numpy as np
import pytest
import SimpleITK
from hypothesis import given, settings
from hypothesis import strategies as st

from spondyl.errors import ImageError, MissingDependencyError, OutputError
from spondyl.io import read_image, write_image
from spondyl.volume import Grid, Volume
from strategies import ct_like, grids, orientations

few = settings(deadline=None, max_examples=25)
CT = ct_like(Grid.from_spacing((8, 9, 10), (0.7, 0.8, 2.5), "LPS"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("images")


def nifti(path, data, affine=None, **header):
    """A file written by nibabel alone, with header fields set by force afterwards."""
    image = nib.Nifti1Image(data, np.diag([1, 1, 2, 1]) if affine is None else affine)
    nib.save(image, path)
    for field, value in header.items():
        patch(path, field, value)
    return path


def patch(path, field, value):
    """Overwrite a header field of an uncompressed NIfTI-1 file."""
    layout = {
        "dim": (40, "8h"),
        "datatype": (70, "h"),
        "pixdim": (76, "8f"),
        "codes": (252, "2h"),
        "srow": (280, "12f"),
        "magic": (344, "4s"),
    }
    offset, form = layout[field]
    content = bytearray(path.read_bytes())
    values = value if isinstance(value, tuple) else (value,)
    struct.pack_into("<" + form, content, offset, *values)
    path.write_bytes(content)


@few
@given(grids(), st.sampled_from([".nii", ".nii.gz", ".mha", ".nrrd"]))
def test_images_round_trip(folder, grid, suffix):
    path = folder / f"scan{suffix}"
    write_image(ct_like(grid), path)
    found = read_image(path)
    assert found.grid.is_close(grid, 1e-3)
    assert found.data.dtype == np.int16
    np.testing.assert_array_equal(found.data, ct_like(grid).data)


@few
@given(grids(), orientations)
def test_stored_in_any_orientation_a_voxel_has_the_same_world_coordinates(folder, grid, codes):
    volume = ct_like(grid)
    image = nib.Nifti1Image(volume.data, grid.affine)
    ours, theirs = nib.io_orientation(grid.affine), nib.orientations.axcodes2ornt(codes)
    nib.save(image.as_reoriented(nib.orientations.ornt_transform(ours, theirs)), folder / "turned.nii")
    found = read_image(folder / "turned.nii")
    assert found.grid.codes == codes
    back = found.reoriented(grid.codes)
    assert back.grid.is_close(grid, 1e-3)
    np.testing.assert_array_equal(back.data, volume.data)


@few
@given(grids(), st.sampled_from([".nii.gz", ".mha"]))
def test_what_we_write_lies_where_itk_sees_it(folder, grid, suffix):
    path = folder / f"ours{suffix}"
    write_image(ct_like(grid), path)
    image = SimpleITK.ReadImage(str(path))
    for index in ((0, 0, 0), (11, 8, 6), (3, 0, 5)):
        left, back, up = image.TransformIndexToPhysicalPoint(index)
        np.testing.assert_allclose(grid.to_world(index), [-left, -back, up], atol=2e-3)
        assert image[index] == ct_like(grid).data[index]


@few
@given(grids(), st.sampled_from([".nii.gz", ".mha", ".nrrd"]))
def test_what_itk_writes_is_read_where_it_lies(folder, grid, suffix):
    path = folder / f"theirs{suffix}"
    volume = ct_like(grid)
    image = SimpleITK.GetImageFromArray(np.ascontiguousarray(volume.data.T))
    affine = np.diag([-1, -1, 1, 1]) @ grid.affine
    image.SetSpacing(grid.spacing_mm)
    image.SetDirection((affine[:3, :3] / grid.spacing_mm).ravel())
    image.SetOrigin(affine[:3, 3])
    SimpleITK.WriteImage(image, str(path))
    found = read_image(path)
    assert found.grid.is_close(grid, 5e-3)
    np.testing.assert_array_equal(found.data, volume.data)


@pytest.mark.parametrize("dtype", ["int16", "uint16", "int32", "float32", "float64", "uint8"])
def test_number_types(tmp_path, dtype):
    data = np.abs(CT.data) % 250 if dtype in ("uint8", "uint16") else CT.data
    found = read_image(nifti(tmp_path / "a.nii.gz", data.astype(dtype)))
    assert found.data.dtype == np.int16
    np.testing.assert_array_equal(found.data, data)


@pytest.mark.parametrize(
    ("slope", "intercept", "dtype"), [(1, -1024, np.int16), (0.5, 3.25, np.float32), (1, 0.5, np.float32)]
)
def test_scaled_values(tmp_path, slope, intercept, dtype):
    image = nib.Nifti1Image(CT.data, np.eye(4))
    image.header.set_slope_inter(slope, intercept)
    nib.save(image, tmp_path / "a.nii")
    header = bytearray((tmp_path / "a.nii").read_bytes())
    struct.pack_into("<2f", header, 112, slope, intercept)
    stored = np.frombuffer(header, "<i2", CT.data.size, 352).reshape(CT.data.shape, order="F")
    (tmp_path / "a.nii").write_bytes(header)
    found = read_image(tmp_path / "a.nii")
    assert found.data.dtype == dtype
    np.testing.assert_allclose(found.data, stored * slope + intercept)


def test_integers_beyond_int16_become_float(tmp_path):
    data = CT.data.astype(np.int32)
    data[0, 0, 0] = 100_000
    found = read_image(nifti(tmp_path / "a.nii", data))
    assert found.data.dtype == np.float32
    assert found.data[0, 0, 0] == 100_000


def test_a_fourth_axis_of_one_is_dropped(tmp_path):
    found = read_image(nifti(tmp_path / "a.nii", CT.data[..., None]))
    np.testing.assert_array_equal(found.data, CT.data)


def test_nifti_2_is_read(tmp_path):
    nib.save(nib.Nifti2Image(CT.data, CT.grid.affine), tmp_path / "a.nii")
    assert read_image(tmp_path / "a.nii").grid.is_close(CT.grid)


def test_big_endian_is_read(tmp_path):
    header = nib.Nifti1Header(endianness=">")
    header.set_data_dtype(np.int16)
    nib.save(nib.Nifti1Image(CT.data, CT.grid.affine, header), tmp_path / "a.nii")
    assert struct.unpack(">i", (tmp_path / "a.nii").read_bytes()[:4]) == (348,)
    found = read_image(tmp_path / "a.nii")
    np.testing.assert_array_equal(found.data, CT.data)
    assert found.data.dtype == np.int16
    assert found.data.dtype.isnative


@pytest.mark.parametrize("rows", [(0,) * 12, None])
def test_without_sform_the_qform_is_used(tmp_path, rows):
    image = nib.Nifti1Image(CT.data, CT.grid.affine)
    image.set_qform(CT.grid.affine, 1)
    nib.save(image, tmp_path / "a.nii")
    if rows:
        patch(tmp_path / "a.nii", "srow", rows)  # the code is set, the rows are zero
    else:
        patch(tmp_path / "a.nii", "codes", (1, 0))
        patch(tmp_path / "a.nii", "srow", (9,) * 12)
    assert read_image(tmp_path / "a.nii").grid.is_close(CT.grid, 1e-3)


def test_without_any_orientation_nibabel_is_followed_with_a_warning(tmp_path, caplog):
    path = nifti(tmp_path / "a.nii", CT.data, codes=(0, 0))
    found = read_image(path)
    np.testing.assert_allclose(found.grid.affine, nib.load(path).affine)
    assert "no orientation" in caplog.text


def test_two_orientations_that_disagree_are_remarked(tmp_path):
    """Left and right by the one are right and left by the other, and a spine shows neither."""
    affine = np.diag([1.0, 1, 2, 1])
    path = nifti(tmp_path / "a.nii", CT.data, affine)
    assert read_image(path).remarks == ()
    for turned, doubtful in ((np.diag([-1, 1, 2, 1]), True), (affine + np.eye(4, k=3) * 30, False)):
        image = nib.Nifti1Image(CT.data, affine)
        image.set_sform(affine, 1)
        image.set_qform(turned, 1)
        nib.save(image, path)
        volume = read_image(path)
        assert volume.grid.codes == "RAS"
        assert [remark.code for remark in volume.remarks] == ["orientation_doubtful"] * doubtful
        assert all("RAS (sform) and LAS (qform)" in remark.message for remark in volume.remarks)


def test_partly_missing_values_become_air_with_a_warning(tmp_path, caplog):
    data = CT.data.astype(np.float32)
    data[0, 0, :3] = np.nan, np.inf, -np.inf
    found = read_image(nifti(tmp_path / "a.nii", data))
    assert found.data[0, 0, :3].tolist() == [-1024] * 3
    np.testing.assert_array_equal(found.data[1:], data[1:])
    assert "3 of 720 voxels are NaN" in caplog.text


@pytest.mark.parametrize(("low", "high"), [(0, 2400), (0, 255)])
def test_values_unlike_hounsfield_are_warned_about(tmp_path, caplog, low, high):
    data = np.linspace(low, high, 720).reshape(8, 9, 10).astype(np.int16)
    read_image(nifti(tmp_path / "a.nii", data))
    assert "below water" in caplog.text


def test_a_proper_ct_gives_no_warning(tmp_path, caplog):
    with caplog.at_level(logging.DEBUG, "spondyl"):
        write_image(CT, tmp_path / "a.nii.gz")
        read_image(str(tmp_path / "a.nii.gz"))
    assert caplog.text == ""


RGB = np.zeros((4, 4, 4), [("R", "u1"), ("G", "u1"), ("B", "u1")])
BAD_VOXELS = {
    "4-D": (np.zeros((4, 4, 4, 3), np.int16), r"expected 3 axes, found 4 \(4 x 4 x 4 x 3\)"),
    "5-D vectors": (np.zeros((4, 4, 4, 1, 3), np.int16), "expected 3 axes, found 5"),
    "2-D": (np.zeros((4, 4), np.int16), "single slice"),
    "one slice": (np.zeros((4, 4, 1), np.int16), "single slice"),
    "three slices": (CT.data[:, :, :3], "localizer"),
    "colour": (RGB, "colours"),
    "complex": (np.zeros((4, 4, 4), np.complex64), "complex"),
    "constant": (np.full((4, 4, 4), -1024, np.int16), "every voxel is -1024"),
    "all NaN": (np.full((4, 4, 4), np.nan, np.float32), "no voxel holds a number"),
    "0..1": (np.random.default_rng(0).random((4, 4, 4)).astype(np.float32), "not Hounsfield units"),
    "labels": (np.arange(64, dtype=np.uint8).reshape(4, 4, 4) % 29, "not Hounsfield units"),
}


@pytest.mark.parametrize("kind", BAD_VOXELS)
def test_what_is_not_a_ct_is_refused(tmp_path, kind):
    data, message = BAD_VOXELS[kind]
    path = nifti(tmp_path / "bad.nii", data)
    with pytest.raises(ImageError, match=message) as error:
        read_image(path)
    assert str(path) in str(error.value)


BAD_HEADERS = {
    "terabytes": ({"dim": (3, 30000, 30000, 30000, 1, 1, 1, 1)}, "more than any CT"),
    "more than the file": ({"dim": (3, 500, 500, 500, 1, 1, 1, 1)}, "announces 250,000,000 bytes"),
    "negative axis": ({"dim": (3, -8, 9, 10, 1, 1, 1, 1)}, "damaged header"),
    "axis of zero": ({"dim": (3, 0, 9, 10, 1, 1, 1, 1)}, "damaged header"),
    "a hundred axes": ({"dim": (100, 8, 9, 10, 1, 1, 1, 1)}, "axes"),
    "unknown type": ({"datatype": 9999}, "damaged"),
    "zero spacing": ({"codes": (1, 0), "pixdim": (1, 0, 1, 1, 0, 0, 0, 0)}, "voxel size"),
    "negative spacing": ({"codes": (1, 0), "pixdim": (1, 1, -1, 1, 0, 0, 0, 0)}, "voxel size"),
    "NaN spacing": ({"codes": (0, 0), "pixdim": (1, 1, np.nan, 1, 0, 0, 0, 0)}, "voxel size"),
    "NaN affine": ({"srow": (1, 0, 0, np.nan, 0, 1, 0, 0, 0, 0, 1, 0)}, "not a finite"),
    "flat affine": ({"srow": (1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1, 0)}, "cannot be inverted"),
    "metres": ({"srow": (0.001, 0, 0, 0, 0, 0.001, 0, 0, 0, 0, 0.003, 0)}, "mm"),
    "not NIfTI": ({"magic": b"abcd"}, "NIfTI"),
}


@pytest.mark.parametrize("kind", BAD_HEADERS)
def test_impossible_headers_are_refused_before_memory_is_taken(tmp_path, kind):
    fields, message = BAD_HEADERS[kind]
    path = nifti(tmp_path / "bad.nii", CT.data, **fields)
    with pytest.raises(ImageError, match=message) as error:
        read_image(path)
    assert str(path) in str(error.value)


@pytest.mark.parametrize(
    ("shape", "spacing_mm", "reason"),
    [
        ((140, 140, 8), (9, 9, 9), "a scan of 1260 x 1260 x 72 mm; no CT is wider than 1200 mm"),
        ((8, 8, 101), (2, 2, 30), "longer than 3000 mm"),
    ],
)
@pytest.mark.parametrize("name", ["a.nii.gz", "a.mha"])
def test_scans_larger_than_any_ct_are_refused(tmp_path, name, shape, spacing_mm, reason):
    """A few bytes of such a scan would take gigabytes on the grids of the networks."""
    write_image(ct_like(Grid.from_spacing(shape, spacing_mm)), tmp_path / name)
    with pytest.raises(ImageError, match=reason):
        read_image(tmp_path / name)


def test_a_compressed_header_cannot_ask_for_more_than_the_file_may_hold(tmp_path):
    nifti(tmp_path / "a.nii", CT.data, dim=(3, 1000, 1000, 1000, 1, 1, 1, 1))
    (tmp_path / "a.nii.gz").write_bytes(gzip.compress((tmp_path / "a.nii").read_bytes()))
    with pytest.raises(ImageError, match="2,000,000,000 bytes"):
        read_image(tmp_path / "a.nii.gz")


@pytest.mark.parametrize("kept", [0, 1, 5, 20, 300, 900, -200])
def test_truncated_gzip_is_refused(tmp_path, kept):
    path = nifti(tmp_path / "a.nii.gz", CT.data)
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(ImageError, match=r"truncated|empty|not gzip|not a NIfTI"):
        read_image(path)


def test_damaged_gzip_is_refused(tmp_path):
    path = nifti(tmp_path / "a.nii.gz", CT.data)
    content = bytearray(path.read_bytes())
    content[700:760] = b"\xff" * 60
    path.write_bytes(content)
    with pytest.raises(ImageError, match="truncated or damaged"):
        read_image(path)


def test_truncated_plain_file_is_refused(tmp_path):
    path = nifti(tmp_path / "a.nii", CT.data)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(ImageError, match="truncated"):
        read_image(path)


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 351), st.binary(min_size=1, max_size=8))
def test_any_damage_to_a_header_is_an_image_error_or_harmless(folder, offset, garbage):
    path = nifti(folder / "fuzz.nii", CT.data)
    content = bytearray(path.read_bytes())
    content[offset : offset + len(garbage)] = garbage
    path.write_bytes(content)
    try:
        volume = read_image(path)
    except ImageError as error:
        assert str(path) in str(error)  # noqa: PT017
    else:
        assert np.isfinite(volume.data).all()


@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz", "a.mha", "a.nrrd"])
@pytest.mark.parametrize("content", [b"", b"this is not an image at all, just text\n" * 50])
def test_files_that_are_no_images_are_refused(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ImageError, match=name):
        read_image(tmp_path / name)


@pytest.mark.parametrize("name", ["missing.nii.gz", "missing.mha"])
def test_missing_file(tmp_path, name):
    with pytest.raises(ImageError, match=f"{name}: no such file"):
        read_image(tmp_path / name)


def test_folders_and_unknown_formats_are_refused(tmp_path):
    with pytest.raises(ImageError, match="a folder"):
        read_image(tmp_path)
    (tmp_path / "scan.png").write_bytes(b"png")
    with pytest.raises(ImageError, match=r"unknown image format.*\.nii\.gz"):
        read_image(tmp_path / "scan.png")
    with pytest.raises(OutputError, match="unknown image format"):
        write_image(CT, tmp_path / "scan.png")


def test_bad_itk_images_are_refused(tmp_path):
    flat = SimpleITK.Image(4, 4, SimpleITK.sitkInt16)
    SimpleITK.WriteImage(flat, str(tmp_path / "flat.mha"))
    with pytest.raises(ImageError, match="single slice"):
        read_image(tmp_path / "flat.mha")
    colour = SimpleITK.Image([4, 4, 4], SimpleITK.sitkVectorUInt8, 3)
    SimpleITK.WriteImage(colour, str(tmp_path / "colour.mha"))
    with pytest.raises(ImageError, match="3 numbers per voxel"):
        read_image(tmp_path / "colour.mha")
    write_image(CT, tmp_path / "cut.mha")
    content = (tmp_path / "cut.mha").read_bytes()
    (tmp_path / "cut.mha").write_bytes(content[: len(content) // 2])
    with pytest.raises(ImageError, match="truncated or damaged"):
        read_image(tmp_path / "cut.mha")


def test_without_simpleitk_all_is_read_and_for_writing_the_extra_is_named(tmp_path, monkeypatch):
    write_image(CT, tmp_path / "a.mha")
    monkeypatch.setitem(sys.modules, "SimpleITK", None)
    assert read_image(tmp_path / "a.mha").grid.is_close(CT.grid)
    with pytest.raises(MissingDependencyError, match=r"spondyl\[itk\]"):
        write_image(CT, tmp_path / "b.nrrd")


@pytest.mark.parametrize(
    ("dtype", "stored"),
    [("bool", "uint8"), ("float64", "float32"), ("int64", "int32"), ("uint8", "uint8"), ("int16", "int16")],
)
def test_number_types_on_disk(tmp_path, dtype, stored):
    data = np.arange(720).reshape(8, 9, 10) % 2
    write_image(Volume(data.astype(dtype), CT.grid), tmp_path / "a.nii.gz")
    image = nib.load(tmp_path / "a.nii.gz")
    assert image.get_data_dtype() == stored
    np.testing.assert_array_equal(np.asarray(image.dataobj), data)


def test_sheared_grids_keep_their_matrix(tmp_path):
    affine = np.eye(4)
    affine[1, 2] = 0.3  # gantry tilt
    write_image(Volume(CT.data, Grid(CT.grid.shape, affine)), tmp_path / "a.nii")
    np.testing.assert_allclose(read_image(tmp_path / "a.nii").grid.affine, affine, atol=1e-6)
    assert nib.load(tmp_path / "a.nii").header["qform_code"] == 0
    with pytest.raises(ImageError, match="perpendicular"):
        write_image(Volume(CT.data, Grid(CT.grid.shape, affine)), tmp_path / "a.mha")


def test_the_same_image_gives_the_same_bytes(tmp_path):
    for name in ("a", "b"):
        write_image(CT, tmp_path / f"{name}.nii.gz")
    assert (tmp_path / "a.nii.gz").read_bytes() == (tmp_path / "b.nii.gz").read_bytes()


@contextmanager
def full_disk(limit):
    """Writes fail after ``limit`` bytes per file, as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz", ".mha", ".nrrd"])
def test_a_full_disk_leaves_the_old_file_and_nothing_else(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    big = ct_like(Grid.from_spacing((64, 64, 64), (1, 1, 1)))
    write_image(CT, path)
    before = path.read_bytes()
    with full_disk(100_000), pytest.raises(OutputError, match="cannot be written"):
        write_image(big, path)
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def test_importing_io_is_light():
    code = "import sys, spondyl.io; print(any(m in sys.modules for m in ('nibabel', 'SimpleITK', 'torch')))"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "False"
    code = "import sys, spondyl.io.images; print(any(m in sys.modules for m in ('SimpleITK', 'torch')))"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "False"


@pytest.mark.parametrize(
    ("content", "name", "advice"),
    [
        ("nifti", "plain.nii.gz", "rename it to .nii"),
        ("gzip", "packed.nii", "rename it to .nii.gz"),
        ("text", "text.nii.gz", "expected a CT as .nii or .nii.gz"),
        ("text", "text.nii", "expected a CT as .nii or .nii.gz"),
    ],
)
def test_a_wrong_name_says_how_to_put_it_right(tmp_path, content, name, advice):
    write_image(CT, tmp_path / "right.nii")
    plain = (tmp_path / "right.nii").read_bytes()
    (tmp_path / name).write_bytes({"nifti": plain, "gzip": gzip.compress(plain), "text": b"no scan"}[content])
    with pytest.raises(ImageError) as caught:
        read_image(tmp_path / name)
    assert str(caught.value).endswith(advice)
