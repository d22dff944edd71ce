"""Uploads and archives that are too large, cut short, misnamed or hostile."""

import gzip
import io
import socket
import time
import zipfile

import numpy as np
import pytest
from server_client import running, send

from spondyl.errors import ImageError, InputError
from spondyl.io import write_image
from spondyl.server.errors import ApiError
from spondyl.server.intake import read_upload
from spondyl.server.layout import CaseFiles
from spondyl.server.settings import Settings
from spondyl.server.uploads import _Sink, shown_name


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """A server that takes one megabyte and three files."""
    with running(tmp_path_factory.mktemp("small"), work=False, max_upload_mb=1, max_files=3) as client:
        yield client


def kept(client):
    """What lies on the server's disk, apart from its database."""
    root = client.context.data.root
    return sorted(path.name for name in ("incoming", "cases") for path in (root / name).iterdir())


def body(*parts):
    """A multipart body by hand."""
    text = b"".join(b"--b\r\n" + part + b"\r\n" for part in parts) + b"--b--\r\n"
    return {"content": text, "headers": {"Content-Type": "multipart/form-data; boundary=b"}}


FILE = b'Content-Disposition: form-data; name="files"; filename="a.nii"\r\n\r\nabc'


def test_what_is_not_taken_leaves_nothing(small):
    before = kept(small)
    too_large = send(small, ("a.nii", bytes(1_100_000)))
    assert (too_large.status_code, "more than 1 MB" in too_large.json()["detail"]) == (413, True)
    assert send(small, *[(f"{i}.dcm", b"x") for i in range(4)]).status_code == 413
    assert small.post("/api/cases").status_code == 415
    assert small.post("/api/cases", json={"files": 1}).status_code == 415
    assert small.post("/api/cases", **body()).status_code == 422
    assert small.post("/api/cases", **body(FILE.replace(b"files", b"other"))).status_code == 422
    cut = body(FILE)
    cut["content"] = cut["content"][:-9]
    assert small.post("/api/cases", **cut).status_code == 400
    assert small.post("/api/cases", **{**cut, "content": b"nonsense"}).status_code == 400
    assert kept(small) == before
    assert small.get("/api/cases").json() == []


def test_an_upload_without_announced_length_is_bounded_too(small):
    def endless():
        yield b'--b\r\nContent-Disposition: form-data; name="files"; filename="a.nii"\r\n\r\n'
        for _ in range(40):
            yield bytes(1 << 16)

    answer = small.post("/api/cases", **{**body(), "content": endless()})
    assert answer.status_code == 413
    assert kept(small) == []


def test_a_header_of_a_part_is_bounded(tmp_path):
    """Also where the parser sets no bound, as older versions of it do not."""
    header = _Sink(tmp_path, 1, "files").callbacks()["on_header_value"]
    for _ in range(16):
        header(bytes(1 << 10), 0, 1 << 10)
    with pytest.raises(ApiError, match="a header of more than 16 kB"):
        header(b"1", 0, 1)


def test_an_upload_that_is_cancelled_leaves_nothing(small):
    """A browser closes the connection in the middle of a file."""
    head = b"POST /api/cases HTTP/1.1\r\nHost: localhost\r\nContent-Length: 500000\r\n"
    head += b"Content-Type: multipart/form-data; boundary=b\r\n\r\n--b\r\n"
    with socket.create_connection((small.base_url.host, small.base_url.port)) as sending:
        sending.sendall(head + FILE + bytes(1000))
        while not kept(small):
            time.sleep(0.01)
    while kept(small):
        time.sleep(0.01)
    assert small.get("/api/cases").json() == []


def test_bytes_arrive_as_they_were(small):
    content = np.random.default_rng(0).bytes(700_001)
    answer = send(small, ("../../evil name.NII.GZ", content), ("b\\c:d", b""))
    assert answer.status_code == 202
    case = answer.json()["id"]
    upload = small.context.data.case(case).upload
    assert sorted(path.name for path in upload.iterdir()) == ["00000.nii.gz", "00001"]
    assert (upload / "00000.nii.gz").read_bytes() == content
    small.delete(f"/api/cases/{case}")


@pytest.mark.parametrize(
    ("names", "shown"),
    [
        (["scan.nii.gz"], "scan"),
        (["a.b.nii"], "a.b"),
        (["C:\\x\\scan.MHA"], "scan"),
        (["series/IM1", "series/IM2"], "series"),
        (["patient/DICOM/S1/IM1", "patient/DICOM/S2/IM1"], "patient"),  # what was dropped
        (["/../patient/IM1", "x"], "patient"),
        (["/", "x"], "scan"),
        (["folder/scan.nii.gz"], "scan"),
        (["IM1", "IM2"], "IM1"),
        (["../.."], "scan"),
        (["<b>\x00\n\u202e</b>.zip"], "b>"),
        (["x" * 500], "x" * 100),
        ([".nii"], ".nii"),
    ],
)
def test_shown_names(names, shown):
    assert shown_name(names) == shown


# -- what is in it


@pytest.fixture
def files(tmp_path):
    (tmp_path / "case" / "upload").mkdir(parents=True)
    return CaseFiles(tmp_path / "case")


def zipped(files, members):
    with zipfile.ZipFile(files.upload / "00000.zip", "w", zipfile.ZIP_DEFLATED) as bundle:
        for name, content in members.items():
            bundle.writestr(name, content)
    return files


def settings(**values):
    return Settings(data="unused", **values)


def test_a_zip_with_a_scan(files, scan):
    zipped(files, {"study/patient.nii.gz": scan.read_bytes(), "study/readme.txt": "hello"})
    assert read_upload(files, settings()).data.shape == (64, 41, 75)


@pytest.mark.parametrize("name", ["../../evil.nii", "/etc/evil.nii", "a/../../evil.nii", "C:\\evil.nii"])
def test_a_zip_that_leads_out_is_refused(files, name):
    zipped(files, {name: b"x"})
    with pytest.raises(InputError, match="cannot be unpacked: refused"):
        read_upload(files, settings())
    assert [path.name for path in files.folder.parent.rglob("*.nii")] == []


def test_a_bomb_is_refused_before_it_goes_off(files):
    zipped(files, {"a.nii": bytes(3 << 20)})
    with pytest.raises(InputError, match=r"1 files of 3 MB, more than"):
        read_upload(files, settings(max_unpacked_mb=1))
    zipped(files, {f"{i}.dcm": b"" for i in range(20)})
    with pytest.raises(InputError, match=r"20 files of 0 MB"):
        read_upload(files, settings(max_files=10))
    assert not files.unpacked.exists()


def test_a_bomb_that_lies_about_its_size_is_cut(files):
    zipped(files, {"a.nii": bytes(3 << 20)})
    archive = files.upload / "00000.zip"
    raw = archive.read_bytes().replace((3 << 20).to_bytes(4, "little"), (1000).to_bytes(4, "little"))
    archive.write_bytes(raw)
    with pytest.raises(InputError, match="cannot be unpacked"):
        read_upload(files, settings(max_unpacked_mb=1))
    assert sum(path.stat().st_size for path in files.unpacked.rglob("*.nii")) <= 1000


def test_no_scan_and_too_many(files, scan):
    (files.upload / "00000").write_bytes(b"hello")
    with pytest.raises(ImageError, match=r"no scan among 1 file\(s\)"):
        read_upload(files, settings())
    for number in range(2):
        (files.upload / f"0000{number}.nii.gz").write_bytes(scan.read_bytes())
    with pytest.raises(ImageError, match="found 2 images in one upload"):
        read_upload(files, settings())


MHA = "NDims = 3\nDimSize = 2 2 2\nElementType = MET_SHORT\nElementDataFile = {}\n"
NRRD = "NRRD0004\ntype: short\ndimension: 3\nsizes: 2 2 2\nendian: little\nencoding: raw\ndata file: {}\n\n"


@pytest.mark.parametrize("place", ["/etc/passwd", "../cases.sqlite", "LIST"])
@pytest.mark.parametrize(("name", "text"), [("a.mha", MHA), ("a.MHA", MHA), ("a.nrrd", NRRD)])
def test_headers_that_name_a_file_of_the_server_are_refused(files, name, text, place):
    (files.upload / name).write_text(text.format(place))
    with pytest.raises(ImageError, match=r"outside of its folder|list of files"):
        read_upload(files, settings())


def test_metaimage_and_nrrd_can_be_sent(files, scan):
    pytest.importorskip("SimpleITK")
    from spondyl import read_image

    volume = read_image(scan)
    for ending in ("mha", "nrrd"):
        write_image(volume, files.upload / f"00000.{ending}")
        assert read_upload(files, settings()).grid.is_close(volume.grid)
        (files.upload / f"00000.{ending}").unlink()


def test_a_gzip_bomb_of_a_scan_is_refused(files):
    stream = io.BytesIO()
    with gzip.GzipFile(fileobj=stream, mode="wb") as packed:
        packed.write(bytes(1 << 20))
    (files.upload / "00000.nii.gz").write_bytes(stream.getvalue())
    with pytest.raises(ImageError):
        read_upload(files, settings())
