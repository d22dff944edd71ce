"""A process killed at any moment leaves the old or the new, and the next one tidies up."""

import random
import signal
import subprocess
import sys
import time

import pytest

from spondyl.io import temporary
from spondyl.io.atomic import atomic_folder, write_text
from spondyl.io.temporary import sweep, temporary_beside

WRITER = """
import sys
from itertools import count
from spondyl.io.atomic import atomic_folder, write_text
for number in count(1):
    with atomic_folder(sys.argv[1]) as new:
        for name in "abc":
            (new / name).write_text(str(number) * 2000)
    if number == 1:
        print("begun", flush=True)
"""


def content(folder):
    return {path.name: path.read_text() for path in folder.iterdir()}


def test_a_kill_at_any_moment_leaves_a_whole_folder(tmp_path):
    out = tmp_path / "scan"
    dice = random.Random(1)
    for _ in range(6):
        with subprocess.Popen([sys.executable, "-c", WRITER, out], stdout=subprocess.PIPE) as process:
            process.stdout.readline()
            time.sleep(dice.uniform(0, 0.02))
            process.send_signal(signal.SIGKILL)
        found = content(out)
        assert set(found) == set("abc")
        assert len(set(found.values())) == 1
    with atomic_folder(out) as new:
        (new / "last").touch()
    assert [path.name for path in tmp_path.iterdir()] == ["scan"]


@pytest.mark.parametrize("exchange", [True, False])
def test_a_folder_is_replaced_with_and_without_exchange(tmp_path, monkeypatch, exchange):
    if not exchange:
        monkeypatch.setattr(temporary, "_exchange", lambda *_: False)
    for text in ("one", "two"):
        with atomic_folder(tmp_path / "scan") as new:
            write_text(new / "a", text)
    assert content(tmp_path / "scan") == {"a": "two"}
    assert [path.name for path in tmp_path.iterdir()] == ["scan"]


def test_what_a_kill_between_two_renames_took_away_comes_back(tmp_path):
    write_text(tmp_path / ".scan.part" / "old" / "a", "old")
    write_text(tmp_path / ".scan.part" / "new" / "a", "half")
    sweep(tmp_path / "scan")
    assert content(tmp_path / "scan") == {"a": "old"}
    assert [path.name for path in tmp_path.iterdir()] == ["scan"]


def test_a_folder_at_work_is_left_alone(tmp_path):
    with temporary_beside(tmp_path / "scan") as mine:
        (mine / "half").touch()
        sweep(tmp_path / "scan")
        with temporary_beside(tmp_path / "scan") as other:
            assert other != mine
        assert [path.name for path in mine.iterdir()] == ["half"]
    assert not list(tmp_path.iterdir())


def test_without_locks_every_writer_has_a_folder_of_its_own(tmp_path, monkeypatch):
    def refuse(folder):
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(temporary, "_lock", refuse)
    with temporary_beside(tmp_path / "a") as one, temporary_beside(tmp_path / "a") as two:
        assert one != two
        sweep(tmp_path / "a")
        assert len(list(tmp_path.iterdir())) == 2
    assert not list(tmp_path.iterdir())
