"""Zip archives and DICOMDIR: read in place, and never trusted."""

import shutil
import stat
import subprocess
import zipfile

import numpy as np
import pytest
from series_written import Series

from spondyl.dicom import find_series, is_dicom, read_series
from spondyl.errors import ImageError


def pack(folder, archive, method=zipfile.ZIP_DEFLATED):
    with zipfile.ZipFile(archive, "w", method) as bundle:
        for file in sorted(folder.rglob("*")):
            if file.is_file():
                bundle.write(file, file.relative_to(folder))
    return archive


@pytest.fixture
def plain(tmp_path):
    return Series().write(tmp_path / "export" / "ST000001" / "SE000001")


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_an_archive_with_folders_is_read_in_memory(plain, method, tmp_path):
    (tmp_path / "export" / "readme.txt").write_text("autorun")
    archive = pack(tmp_path / "export", tmp_path / "export.zip", method)
    before = sorted(tmp_path.rglob("*"))
    assert is_dicom(archive)
    read = read_series(archive)
    assert np.array_equal(read.volume.data, read_series(plain).volume.data)
    assert read.volume.grid.is_close(read_series(plain).volume.grid, 1e-9)
    assert sorted(tmp_path.rglob("*")) == before
    assert {piece.source.path for piece in read.slices} == {archive}


def test_an_archive_of_something_else(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "notes.txt").write_text("no pictures")
    archive = pack(tmp_path / "a", tmp_path / "a.zip")
    assert not is_dicom(archive)
    with pytest.raises(ImageError, match="no DICOM file among 1 files"):
        read_series(archive)


@pytest.mark.parametrize("name", ["../evil", "a/../../evil", "/etc/evil", "C:\\evil", "a\\..\\evil"])
def test_paths_that_lead_outside_are_refused(plain, name, tmp_path):
    archive = pack(plain, tmp_path / "export.zip")
    with zipfile.ZipFile(archive, "a") as bundle:
        info = zipfile.ZipInfo("x")
        info.filename = name
        bundle.writestr(info, b"x")
    with pytest.raises(ImageError, match="points outside the archive"):
        read_series(archive)


def test_links_in_archives_are_refused(plain, tmp_path):
    archive = pack(plain, tmp_path / "export.zip")
    with zipfile.ZipFile(archive, "a") as bundle:
        info = zipfile.ZipInfo("link")
        info.external_attr = (stat.S_IFLNK | 0o777) << 16
        bundle.writestr(info, "/etc/passwd")
    with pytest.raises(ImageError, match="points outside"):
        read_series(archive)


def test_bombs_are_refused_before_they_are_unpacked(plain, tmp_path):
    archive = pack(plain, tmp_path / "export.zip")
    with zipfile.ZipFile(archive, "a", zipfile.ZIP_DEFLATED) as bundle, bundle.open("bomb", "w") as sink:
        for _ in range(80):
            sink.write(bytes(1 << 20))
    with pytest.raises(ImageError, match="would unpack to 83,886,080 bytes"):
        read_series(archive)


def test_a_member_that_lies_about_its_size(plain, tmp_path):
    archive = pack(plain, tmp_path / "export.zip")
    raw = bytearray(archive.read_bytes())
    size = (plain / "IM0000").stat().st_size.to_bytes(4, "little")
    at = raw.index(size, raw.index(b"PK\x01\x02"))
    raw[at : at + 4] = (100).to_bytes(4, "little")
    archive.write_bytes(raw)
    try:
        read = read_series(archive)
        assert len(read.slices) == 8
    except ImageError:
        pass


@pytest.mark.parametrize("cut", [10, 1000, -30])
def test_damaged_archives_are_refused(plain, cut, tmp_path):
    archive = pack(plain, tmp_path / "export.zip")
    archive.write_bytes(archive.read_bytes()[:cut])
    with pytest.raises(ImageError, match="not an intact zip archive"):
        read_series(archive)


def test_a_damaged_member_is_refused(plain, tmp_path):
    archive = pack(plain, tmp_path / "export.zip")
    raw = bytearray(archive.read_bytes())
    middle = raw.index(b"PK\x03\x04", 400) - 300
    raw[middle : middle + 60] = bytes(60)
    archive.write_bytes(raw)
    with pytest.raises(ImageError, match=r"IM0000: .*BadZipFile"):
        read_series(archive)


def test_an_encrypted_archive_is_refused(plain, tmp_path):
    archive = pack(plain, tmp_path / "export.zip")
    raw = bytearray(archive.read_bytes())
    at = raw.index(b"PK\x01\x02")
    raw[at + 8] |= 1
    archive.write_bytes(raw)
    with pytest.raises(ImageError, match="encrypted"):
        read_series(archive)


@pytest.fixture
def disc(plain, tmp_path):
    if shutil.which("dcmmkdir") is None:
        pytest.skip("dcmtk is not installed (Debian: dcmtk)")
    root = tmp_path / "disc"
    shutil.copytree(plain, root / "IMAGES")
    names = [f"IMAGES/{file.name}" for file in sorted((root / "IMAGES").iterdir())]
    subprocess.run(["dcmmkdir", "-W", "+I", *names], cwd=root, check=True, capture_output=True)
    Series().write(root / "OTHER")
    return root


def test_a_dicomdir_names_the_images(disc, plain):
    read = read_series(disc / "DICOMDIR")
    assert np.array_equal(read.volume.data, read_series(plain).volume.data)
    assert len(find_series(disc)) == 2


def test_a_dicomdir_without_its_images(disc, tmp_path):
    (tmp_path / "alone").mkdir()
    shutil.copy(disc / "DICOMDIR", tmp_path / "alone")
    with pytest.raises(ImageError, match="copy the whole disc"):
        read_series(tmp_path / "alone" / "DICOMDIR")


def test_a_dicomdir_that_leads_outside(disc):
    raw = (disc / "DICOMDIR").read_bytes()
    (disc / "DICOMDIR").write_bytes(raw.replace(b"IMAGES\\IM0001", b"..\\..\\IMAGE01"))
    with pytest.raises(ImageError, match="a file outside its folder"):
        read_series(disc / "DICOMDIR")
