"""Nothing half-written, and a message that says what to do."""

import os

import pytest

from spondyl.errors import OutputError
from spondyl.io.atomic import atomic_folder, atomic_path, check_writable, write_text


def full(*_args):
    raise OSError(28, os.strerror(28))


def fill(path, failure):
    with atomic_path(path) as temporary:
        temporary.write_text("half")
        raise failure


def test_a_full_disk_leaves_nothing_and_says_so(tmp_path):
    with pytest.raises(OutputError, match=r"a\.txt: cannot be written: No space left.*free some space"):
        fill(tmp_path / "a.txt", OSError(28, os.strerror(28)))
    assert not list(tmp_path.iterdir())


def test_a_library_that_hides_the_reason(tmp_path):
    with pytest.raises(OutputError, match=r"16 requested and 3 written \(a full disk\?\)"):
        fill(tmp_path / "a.npy", OSError("16 requested and 3 written"))


def test_a_file_of_a_failed_folder_is_named_where_it_would_have_been(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OutputError) as caught, atomic_folder(tmp_path / "scan") as new:
        write_text(new / "result.json", "{}")
    assert str(caught.value).startswith(f"{tmp_path / 'scan' / 'result.json'}: cannot be written: No space")
    assert not list(tmp_path.iterdir())


def test_a_failed_folder_leaves_the_old_one(tmp_path):
    write_text(tmp_path / "scan" / "old.txt", "old")
    with pytest.raises(OutputError), atomic_folder(tmp_path / "scan") as new:
        fill(new / "new.txt", OSError(28, os.strerror(28)))
    assert [path.name for path in tmp_path.rglob("*")] == ["scan", "old.txt"]


def test_a_place_is_checked_without_touching_it(tmp_path, monkeypatch):
    check_writable(tmp_path, tmp_path / "new" / "deep")
    assert not list(tmp_path.iterdir())
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match=r"file: cannot be written: Not a directory; choose another name"):
        check_writable(tmp_path, tmp_path / "file" / "deep")
    monkeypatch.setattr(os, "access", lambda path, mode: mode == os.F_OK and path.exists())
    with pytest.raises(OutputError, match="Permission denied; choose a folder that you may write to"):
        check_writable(tmp_path / "new")
