"""Archives made for one answer."""

import zipfile

import pytest

from spondyl.server.layout import DataFolder
from spondyl.server.zips import writing_zip


@pytest.fixture
def data(tmp_path):
    made = DataFolder(tmp_path / "data")
    made.make()
    return made


@pytest.mark.parametrize("packed", [True, False])
def test_an_archive_holds_what_was_put_in(data, packed):
    with writing_zip(data, packed=packed) as (bundle, path):
        bundle.writestr("a.txt", "a" * 1000)
    with zipfile.ZipFile(path) as bundle:
        assert bundle.read("a.txt") == b"a" * 1000
    assert (path.stat().st_size < 1000) is packed


def test_what_fails_half_way_leaves_nothing(data):
    def half():
        with writing_zip(data, packed=True) as (bundle, _):
            bundle.writestr("a.txt", "a")
            raise OSError("the disk is full")

    with pytest.raises(OSError, match="full"):
        half()
    assert list((data.root / "incoming").iterdir()) == []
