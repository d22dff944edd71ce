import subprocess
import sys
import zipfile

import pytest

from spondyl.cli._app import app
from spondyl.datasets import find_cases
from spondyl.errors import DownloadError


def _run(*words):
    app([*map(str, words)], exit_on_error=False, result_action="return_value")


@pytest.fixture
def archives(tmp_path):
    folder = tmp_path / "fetched by hand"
    folder.mkdir()
    for part in (*(f"spine-{i}" for i in range(1, 6)), "spine-test-data"):
        with zipfile.ZipFile(folder / f"{part}.zip", "w") as bundle:
            bundle.writestr(f"{part}/of {part}.nii.gz", b"image")
            bundle.writestr(f"{part}/of {part}.lml", b"text")
    return folder


def test_biomedia_by_hand(tmp_path, archives, capsys):
    for _ in range(2):  # the second run finds all done
        _run("download", "biomedia", tmp_path / "out", "--from", archives)
        printed = capsys.readouterr().out
        assert "licence" in printed
        assert printed.count("ready:") == 6
    assert len(find_cases(tmp_path / "out" / "training_dataset")) == 5
    assert len(find_cases(tmp_path / "out" / "testing_dataset")) == 1


def test_only_one_part(tmp_path, archives, capsys):
    _run("download", "biomedia", tmp_path / "out", "--from", archives, "--part", "spine-2")
    assert [p.name for p in (tmp_path / "out" / "training_dataset").iterdir()] == ["spine-2"]


def test_missing_archives_raise(tmp_path):
    with pytest.raises(DownloadError, match="only be fetched with a browser"):
        _run("download", "biomedia", tmp_path)


def test_as_a_program(tmp_path):
    words = [sys.executable, "-c", "from spondyl.cli import main; main()", "download", "biomedia", tmp_path]
    result = subprocess.run([*map(str, words)], capture_output=True, text=True, check=False)
    assert result.returncode == 2
    assert result.stderr.startswith("spondyl: biomedia can only be fetched with a browser: open https://")
    assert result.stderr.count("\n") == 1
