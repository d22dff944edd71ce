"""MetaImage and NRRD without ITK: where ITK reads a file, we read the same; what is damaged is refused."""

import gzip
import struct
import tracemalloc
import zlib

import nrrd
import numpy as np
import pytest
import SimpleITK
from hypothesis import given, settings
from hypothesis import strategies as st

from spondyl.errors import ImageError
from spondyl.io import read_image
from spondyl.io.described import header_of, parts_of, read_described
from spondyl.volume import Grid
from strategies import ct_like, grids

few = settings(deadline=None, max_examples=25)
DATA = np.random.default_rng(0).integers(-1000, 1500, (5, 6, 7)).astype("<i2")
VOXELS = DATA.tobytes(order="F")

MHA = b"""ObjectType = Image
NDims = 3
BinaryData = True
BinaryDataByteOrderMSB = False
CompressedData = False
TransformMatrix = 0 1 0 0 0 1 1 0 0
Offset = -10.5 20 3e1
ElementSpacing = 0.7 0.8 2.5
DimSize = 5 6 7
ElementType = MET_SHORT
ElementDataFile = LOCAL
"""
NRRD = b"""NRRD0005
# by hand
type: short
dimension: 3
space: left-posterior-superior
sizes: 5 6 7
space directions: (0,0.7,0) (0,0,0.8) (2.5,0,0)
kinds: domain domain domain
endian: little
encoding: raw
space origin: (-10.5,20,30)
some key:=some: value

"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("described")


def by_itk(path):
    """Values and affine (RAS+ mm) as SimpleITK reads them."""
    image = SimpleITK.ReadImage(str(path))
    affine = np.eye(4)
    affine[:3, :3] = np.reshape(image.GetDirection(), (3, 3)) * np.array(image.GetSpacing())
    affine[:3, 3] = image.GetOrigin()
    return SimpleITK.GetArrayFromImage(image).T, np.diag([-1, -1, 1, 1]) @ affine


def same_as_itk(path):
    found = read_described(path)
    values, affine = by_itk(path)
    np.testing.assert_array_equal(found.data, values.astype(found.data.dtype))
    np.testing.assert_allclose(found.grid.affine, affine, atol=1e-5)
    return found


def changed(content, *changes):
    for before, after in changes:
        assert before in content
        content = content.replace(before, after)
    return content


@few
@given(
    grids(),
    st.sampled_from([".mha", ".mhd", ".nrrd", ".nhdr"]),
    st.sampled_from(["int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "float32", "float64"]),
    st.booleans(),
)
def test_what_itk_writes_is_read_as_itk_reads_it(folder, grid, suffix, dtype, packed):
    values = np.abs(ct_like(grid).data) % 120 if dtype in ("int8", "uint8") else np.abs(ct_like(grid).data)
    image = SimpleITK.GetImageFromArray(np.ascontiguousarray(values.T.astype(dtype)))
    affine = np.diag([-1, -1, 1, 1]) @ grid.affine
    image.SetSpacing(grid.spacing_mm)
    image.SetDirection((affine[:3, :3] / grid.spacing_mm).ravel())
    image.SetOrigin(affine[:3, 3])
    path = folder / f"itk{suffix}"
    SimpleITK.WriteImage(image, str(path), packed)
    found = same_as_itk(path)
    assert found.grid.is_close(grid, 5e-3)
    assert found.data.dtype in (np.int8, np.uint8, np.int16)
    assert found.remarks == ()


VARIANTS = {
    "as it is": ("a.mha", MHA),
    "colons": ("a.mha", changed(MHA, (b" = ", b": "))),
    "Windows' line ends": ("a.mha", changed(MHA, (b"\n", b"\r\n"))),
    "other names": (
        "a.mha",
        changed(MHA, (b"TransformMatrix", b"Rotation"), (b"Offset", b"Position"), (b"Spacing", b"Size")),
    ),
    "long": ("a.mha", changed(MHA, (b"MET_SHORT", b"MET_LONG"), (b"DimSize = 5 6 7", b"DimSize = 5 3 7"))),
    "big-endian": ("a.mha", changed(MHA, (b"MSB = False", b"MSB = True"))),
    "no matrix": ("a.mha", changed(MHA, (b"TransformMatrix = 0 1 0 0 0 1 1 0 0\n", b""))),
    "letters alone": (
        "a.mha",
        changed(MHA, (b"TransformMatrix = 0 1 0 0 0 1 1 0 0\n", b"AnatomicalOrientation = RAS\n")),
    ),
    "NRRD": ("a.nrrd", NRRD),
    "RAS": ("a.nrrd", changed(NRRD, (b"left-posterior", b"right-anterior"))),
    "LAS": ("a.nrrd", changed(NRRD, (b"left-posterior", b"left-anterior"))),
    "from the end": ("a.nrrd", changed(NRRD, (b"endian", b"byte skip: -1\nendian"))),
    "skipped": ("a.nrrd", changed(NRRD, (b"endian", b"byte skip: 4\nendian"), (b"\n\n", b"\n\n1234"))),
    "NRRD, big-endian": ("a.nrrd", changed(NRRD, (b"little", b"big"))),
    "a fourth axis": (
        "a.nrrd",
        changed(
            NRRD, (b"dimension: 3", b"dimension: 4"), (b"sizes: 5", b"sizes: 1 5"),
            (b"directions: ", b"directions: none "), (b"kinds: ", b"kinds: list "),
        ),
    ),
    "spacings alone": (
        "a.nrrd",
        changed(
            NRRD, (b"space: left-posterior-superior\n", b""), (b"space origin: (-10.5,20,30)\n", b""),
            (b"space directions: (0,0.7,0) (0,0,0.8) (2.5,0,0)", b"spacings: 0.7 0.8 2.5"),
        ),
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", VARIANTS)
def test_headers_by_hand_mean_what_they_mean_to_itk(tmp_path, kind):
    name, header = VARIANTS[kind]
    (tmp_path / name).write_bytes(header + VOXELS)
    found = same_as_itk(tmp_path / name)
    doubtful = kind in ("no matrix", "letters alone", "spacings alone")
    assert [flag.code for flag in found.remarks] == ["orientation_doubtful"] * doubtful


@pytest.mark.parametrize("suffix", [".mhd", ".nhdr"])
def test_the_file_of_the_voxels_may_have_any_name(tmp_path, suffix):
    path = tmp_path / f"wirbelsäule{suffix}"
    SimpleITK.WriteImage(SimpleITK.GetImageFromArray(DATA), str(path))
    assert len(list(tmp_path.iterdir())) == 2
    same_as_itk(path)


@pytest.mark.parametrize("encoding", ["raw", "gzip"])
@pytest.mark.parametrize("detached", [False, True])
def test_what_pynrrd_writes_is_read(tmp_path, encoding, detached):
    path = tmp_path / ("a.nhdr" if detached else "a.nrrd")
    header = {
        "space": "RAS",
        "space directions": np.diag([0.7, 0.8, 2.5]),
        "space origin": [1, 2, 3],
        "encoding": encoding,
    }
    nrrd.write(str(path), DATA, header, detached_header=detached)
    found = read_described(path)
    np.testing.assert_array_equal(found.data, DATA)
    np.testing.assert_allclose(
        found.grid.affine, [[0.7, 0, 0, 1], [0, 0.8, 0, 2], [0, 0, 2.5, 3], [0, 0, 0, 1]]
    )


def test_voxels_at_the_end_of_another_file(tmp_path):
    (tmp_path / "a.mhd").write_bytes(
        changed(MHA, (b"LOCAL", b"a.raw"), (b"NDims", b"HeaderSize = -1\nNDims"))
    )
    (tmp_path / "a.raw").write_bytes(b"a header of its own" + VOXELS)
    same_as_itk(tmp_path / "a.mhd")
    assert parts_of(tmp_path / "a.mhd") == (tmp_path / "a.mhd", tmp_path / "a.raw")


def test_parts_of_what_cannot_be_read_are_the_file_alone(tmp_path):
    (tmp_path / "a.mhd").write_bytes(b"nothing")
    for name in ("a.mhd", "missing.nhdr", "a.nii.gz"):
        assert parts_of(tmp_path / name) == (tmp_path / name,)


REFUSED = {
    "another folder": (MHA, b"LOCAL", b"../secret.raw", "outside of its folder"),
    "an absolute path": (MHA, b"LOCAL", b"/etc/passwd", "outside of its folder"),
    "a drive": (MHA, b"LOCAL", b"C:\\\\secret.raw", "outside of its folder"),
    "missing": (MHA, b"LOCAL", b"gone.raw", "gone.raw', which is missing"),
    "itself a folder": (MHA, b"LOCAL", b".", "is missing"),
    "a list": (MHA, b"LOCAL", b"LIST", "list of files"),
    "a pattern": (MHA, b"LOCAL", b"a%03d.raw 1 7 1", "list of files"),
    "no place": (MHA, b"ElementDataFile = LOCAL\n", b"", "breaks off"),
    "terabytes": (MHA, b"5 6 7", b"50000 60000 70000", "more than any CT"),
    "more than the file": (MHA, b"5 6 7", b"500 600 700", "announces 420,000,000 bytes"),
    "a billion axes": (MHA, b"NDims = 3", b"NDims = 999999999999", "for 999999999999 axes"),
    "negative axis": (MHA, b"5 6 7", b"5 -6 7", "whole numbers"),
    "endless digits": (MHA, b"5 6 7", b"9" * 5000, "whole numbers"),
    "axis of zero": (MHA, b"5 6 7", b"5 0 7", "damaged header"),
    "zero spacing": (MHA, b"0.7 0.8", b"0.7 0", "damaged header"),
    "negative spacing": (MHA, b"0.7 0.8", b"0.7 -1", "damaged header"),
    "NaN spacing": (MHA, b"0.7 0.8", b"0.7 nan", "expected 3 numbers"),
    "huge spacing": (MHA, b"0.7 0.8", b"0.7 1e300", "affine|mm"),
    "flat": (MHA, b"0 1 0 0 0 1 1 0 0", b"0 1 0 0 1 0 1 0 0", "cannot be inverted"),
    "half a matrix": (MHA, b"0 1 0 0 0 1 1 0 0", b"0 1 0 0", "expected 9 numbers"),
    "colours": (MHA, b"ElementType", b"ElementNumberOfChannels = 3\nElementType", "3 numbers per voxel"),
    "unknown type": (MHA, b"MET_SHORT", b"MET_STRING", "MET_STRING"),
    "text": (MHA, b"BinaryData = True", b"BinaryData = False", "binary"),
    "a mesh": (MHA, b"= Image", b"= Mesh", "not an image"),
    "a header before the voxels": (MHA, b"NDims", b"HeaderSize = -7\nNDims", "HeaderSize"),
    "packed, from the end": (
        MHA, b"ElementDataFile = LOCAL", b"CompressedData = True\nHeaderSize = -1\nElementDataFile = a.mha",
        "cannot be counted from the end",
    ),
    "NRRD: another folder": (NRRD, b"\n\n", b"\ndata file: ../secret.raw\n\n", "outside of its folder"),
    "NRRD: a list": (NRRD, b"\n\n", b"\ndatafile: LIST\n\n", "list of files"),
    "NRRD: terabytes": (NRRD, b"5 6 7", b"50000 60000 70000", "more than any CT"),
    "NRRD: breaks off": (NRRD, b"\n\n", b"\n", "damaged header|breaks off"),
    "NRRD: text": (NRRD, b"raw", b"ascii", "encoding 'ascii'"),
    "NRRD: bzip2": (NRRD, b"raw", b"bzip2", "encoding 'bzip2'"),
    "NRRD: no order of bytes": (NRRD, b"endian: little\n", b"", "endian"),
    "NRRD: lines to skip": (NRRD, b"endian", b"line skip: 3\nendian", "skips 3 lines"),
    "NRRD: blocks": (NRRD, b"type: short", b"type: block", "type 'block'"),
    "NRRD: directions of the plane": (NRRD, b"(0,0.7,0)", b"(0,0.7)", "expected 3 numbers"),
    "NRRD: too few directions": (NRRD, b" (2.5,0,0)", b"", "directions of 2 axes"),
    "NRRD: NaN": (NRRD, b"(0,0.7,0)", b"(0,nan,0)", "expected 3 numbers"),
    "NRRD: two axes in space": (NRRD, b"(0,0.7,0)", b"none", "numbers per voxel"),
    "NRRD: centimetres": (NRRD, b"kinds", b'space units: "cm" "cm" "cm"\nkinds', "expected mm"),
    "NRRD: an old version of nothing": (NRRD, b"NRRD0005", b"NRDD0005", "not an NRRD"),
}  # fmt: skip


@pytest.mark.parametrize("kind", REFUSED)
def test_headers_that_cannot_be_meant_are_refused(tmp_path, kind):
    header, before, after, message = REFUSED[kind]
    path = tmp_path / ("a.mha" if header is MHA else "a.nrrd")
    path.write_bytes(changed(header, (before, after)) + VOXELS)
    with pytest.raises(ImageError, match=message) as error:
        read_described(path)
    assert str(path) in str(error.value)


def test_a_header_without_end_is_refused(tmp_path):
    (tmp_path / "a.nrrd").write_bytes(NRRD.rstrip() + b"\n# more" * 200_000)
    with pytest.raises(ImageError, match="header of more than 1 MB"):
        header_of(tmp_path / "a.nrrd")


def packed(content, path):
    if path.suffix == ".mha":
        voxels = zlib.compress(content)
        told = b"CompressedData = True\nCompressedDataSize = %d" % len(voxels)  # which ITK needs
        return changed(MHA, (b"CompressedData = False", told)) + voxels
    return changed(NRRD, (b"raw", b"gzip")) + gzip.compress(content)


@pytest.mark.parametrize("name", ["a.mha", "a.nrrd"])
def test_packed_voxels(tmp_path, name):
    (tmp_path / name).write_bytes(packed(VOXELS, tmp_path / name))
    same_as_itk(tmp_path / name)


@pytest.mark.parametrize("name", ["a.mha", "a.nrrd"])
@pytest.mark.parametrize("damage", ["cut", "checksum", "cut checksum", "too few", "noise"])
def test_damaged_compression_is_refused(tmp_path, name, damage):
    content = bytearray(packed(VOXELS[:-2] if damage == "too few" else VOXELS, tmp_path / name))
    if damage == "cut":
        del content[-100:]
    elif damage == "cut checksum":
        del content[-2:]
    elif damage == "checksum":
        content[-5 if name == "a.nrrd" else -1] ^= 1
    elif damage == "noise":
        content[-200:-20] = b"\xff" * 180
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ImageError, match="truncated or damaged"):
        read_described(tmp_path / name)


@pytest.mark.parametrize("name", ["a.mha", "a.nrrd"])
def test_a_few_kilobytes_cannot_ask_for_gigabytes(tmp_path, name):
    """A bomb that unfolds to more than its header announces is unpacked no further than that."""
    bomb = packed(VOXELS + bytes(20_000_000), tmp_path / name)
    (tmp_path / name).write_bytes(bomb)
    tracemalloc.start()
    with pytest.raises(ImageError, match="more voxels than the header announces"):
        read_described(tmp_path / name)
    assert tracemalloc.get_traced_memory()[1] < 2e6
    tracemalloc.stop()


@pytest.mark.parametrize("name", ["a.mha", "a.nrrd"])
def test_memory_is_that_of_the_result(tmp_path, name):
    data = np.random.default_rng(0).integers(-1000, 1000, (64, 64, 256)).astype("<i2")
    content = packed(data.tobytes(order="F"), tmp_path / name).replace(b"5 6 7", b"64 64 256")
    (tmp_path / name).write_bytes(content)
    tracemalloc.start()
    read_image(tmp_path / name)  # imports what it needs
    tracemalloc.reset_peak()
    before = tracemalloc.get_traced_memory()[0]
    found = read_image(tmp_path / name).data
    assert tracemalloc.get_traced_memory()[1] - before < 1.1 * found.nbytes + 1e6
    tracemalloc.stop()
    np.testing.assert_array_equal(found, data)


def test_whole_numbers_stored_as_fractions_are_whole(tmp_path):
    stored = struct.pack("<210f", *range(-100, 110))
    (tmp_path / "a.mha").write_bytes(changed(MHA, (b"MET_SHORT", b"MET_FLOAT")) + stored)
    assert read_described(tmp_path / "a.mha").data.dtype == np.int16
    assert isinstance(read_image(tmp_path / "a.mha").grid, Grid)
