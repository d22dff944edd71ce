import stat
import zipfile
from pathlib import PurePosixPath

import pytest
from datasets_helpers import zip_of

from spondyl.datasets.unpack import read_member, unpack
from spondyl.errors import DownloadError, OutputError


def _tree(folder):
    return {
        p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()
    }


def test_wrapping_folder_and_rubbish_are_dropped(tmp_path):
    zip_of(
        tmp_path / "a.zip",
        {
            "spine-1/patient1/1.lml": b"x",
            "spine-1/2.lml": b"y",
            "__MACOSX/spine-1/._2.lml": b"",
            "spine-1/.DS_Store": b"",
        },
    )
    seen = []
    assert unpack(tmp_path / "a.zip", tmp_path / "out", progress=lambda *step: seen.append(step)) == 2
    assert _tree(tmp_path / "out") == {"2.lml": b"y", "patient1/1.lml": b"x"}
    assert seen[-1] == ("unpacking a.zip", 2, 2)


def test_without_wrapping_folder_all_stays_as_it_is(tmp_path):
    members = {"rawdata/sub-1/a": b"1", "derivatives/sub-1/a": b"2"}
    zip_of(tmp_path / "a.zip", members)
    unpack(tmp_path / "a.zip", tmp_path / "out")
    assert _tree(tmp_path / "out") == members


def test_file_at_the_top_keeps_the_folder_beside_it(tmp_path):
    members = {"meta.csv": b"", "s0001/ct.nii.gz": b"1"}
    zip_of(tmp_path / "a.zip", members)
    unpack(tmp_path / "a.zip", tmp_path / "out")
    assert _tree(tmp_path / "out") == members


@pytest.mark.parametrize(
    "name", ["../evil", "a/../../evil", "/evil", "C:/evil", "a\\..\\evil", "ok/../../../tmp/evil"]
)
def test_members_that_leave_the_folder_are_refused(tmp_path, name):
    zip_of(tmp_path / "a.zip", {"good.txt": b"", name: b"x"})
    with pytest.raises(DownloadError, match="refused"):
        unpack(tmp_path / "a.zip", tmp_path / "deep" / "out")
    assert [p.name for p in tmp_path.rglob("*")] == ["a.zip"]  # not even the good one


def test_links_are_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as bundle:
        link = zipfile.ZipInfo("link")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        bundle.writestr(link, "/etc/passwd")
    with pytest.raises(DownloadError, match="refused"):
        unpack(tmp_path / "a.zip", tmp_path / "out")


@pytest.mark.parametrize("where", ["front", "middle", "end"])
def test_damaged_archives_are_told(tmp_path, where):
    body = bytearray(zip_of(tmp_path / "a.zip", {"a.bin": bytes(range(256)) * 400}))
    if where == "front":
        body = bytearray(b"<!DOCTYPE html>")
    elif where == "middle":
        body[100] ^= 0xFF
    else:
        del body[-30:]
    (tmp_path / "a.zip").write_bytes(body)
    with pytest.raises(DownloadError, match=r"a\.zip: not an intact zip archive"):
        unpack(tmp_path / "a.zip", tmp_path / "out")


def test_no_space_is_seen_before_writing(tmp_path, monkeypatch):
    zip_of(tmp_path / "a.zip", {"a.bin": bytes(5000)})
    monkeypatch.setattr("shutil.disk_usage", lambda _: type("Usage", (), {"free": 4999}))
    with pytest.raises(OutputError, match="not enough space"):
        unpack(tmp_path / "a.zip", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_route_renames_and_leaves_out(tmp_path):
    zip_of(tmp_path / "a.zip", {"top/keep": b"1", "top/drop": b"2"})
    unpack(
        tmp_path / "a.zip", tmp_path / "out", lambda p: PurePosixPath("new", p) if p.name == "keep" else None
    )
    assert _tree(tmp_path / "out") == {"new/keep": b"1"}


def test_two_members_of_one_name_are_refused(tmp_path):
    zip_of(tmp_path / "a.zip", {"a/x": b"1", "b/x": b"2"})
    with pytest.raises(DownloadError, match="one name"):
        unpack(tmp_path / "a.zip", tmp_path / "out", lambda p: PurePosixPath(p.name))


def test_read_member(tmp_path):
    zip_of(tmp_path / "a.zip", {"top/meta.csv": b"a;b"})
    assert read_member(tmp_path / "a.zip", "meta.csv") == b"a;b"
    assert read_member(tmp_path / "a.zip", "none") is None
    (tmp_path / "a.zip").write_bytes(b"no zip")
    with pytest.raises(DownloadError):
        read_member(tmp_path / "a.zip", "meta.csv")
