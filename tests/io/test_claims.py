"""Claims: one holder at a time, none after a crash."""

import errno
import os
import signal
import subprocess
import sys

import pytest

from spondyl.batch.manifest import LocalManifest
from spondyl.errors import OutputError
from spondyl.io.claims import claimant_of, claimed


def test_one_holder_at_a_time(tmp_path):
    with claimed(tmp_path / "scan") as first, claimed(tmp_path / "scan") as second:
        assert (first, second) == (True, False)
        with claimed(tmp_path / "other") as other:
            assert other
    with claimed(tmp_path / "scan") as again:
        assert again
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("number", [errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOLCK])
def test_a_disk_without_locks_grants_every_claim(tmp_path, monkeypatch, caplog, number):
    def no_locks(*_):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("fcntl.flock", no_locks)
    with claimed(tmp_path / "scan") as first, claimed(tmp_path / "scan") as second:
        assert (first, second) == (True, True)
    assert caplog.text.count("no locks on this file system") == 1
    LocalManifest(tmp_path / "manifest.jsonl").add("{}")
    assert [path.name for path in tmp_path.iterdir()] == ["manifest.jsonl"]


def test_a_claim_ends_with_its_process_and_its_rests_are_swept(tmp_path):
    code = (
        "import os, sys; from pathlib import Path; from spondyl.io.claims import claimed;"
        "from spondyl.io.atomic import atomic_folder; folder = Path(sys.argv[1]);"
        "claim = claimed(folder); claim.__enter__();"
        "new = atomic_folder(folder); (new.__enter__() / 'half').touch(); os._exit(9)"
    )
    subprocess.run([sys.executable, "-c", code, tmp_path / "scan"], check=False)
    (tmp_path / ".scan.of-mine").mkdir()
    assert len(list(tmp_path.iterdir())) == 3
    with claimed(tmp_path / "scan") as ours:
        assert ours
    assert [path.name for path in tmp_path.iterdir()] == [".scan.of-mine"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_place_that_cannot_be_written_says_so(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(OutputError, match="Permission denied"), claimed(tmp_path / "scan"):
        pass


def test_a_file_in_the_way_says_so(tmp_path):
    (tmp_path / "out").touch()
    with pytest.raises(OutputError, match="out"), claimed(tmp_path / "out" / "scan"):
        pass


def test_who_holds_a_claim_can_be_asked(tmp_path):
    assert claimant_of(tmp_path / "a") == ""
    with claimed(tmp_path / "a", "process 7 on here"), claimed(tmp_path / "a", "another") as ours:
        assert not ours
        assert claimant_of(tmp_path / "a") == "process 7 on here"


def test_a_forked_process_does_not_keep_the_claim_of_a_killed_one(tmp_path):
    code = (
        "import os, sys, time; from pathlib import Path; from spondyl.io.claims import claimed;"
        "claim = claimed(Path(sys.argv[1])); claim.__enter__(); child = os.fork();"
        "child or print(os.getpid(), flush=True); time.sleep(60)"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, tmp_path / "a"], stdout=subprocess.PIPE, text=True
    )
    child = int(process.stdout.readline())
    try:
        process.kill()
        process.wait(10)
        with claimed(tmp_path / "a") as ours:
            assert ours
    finally:
        os.kill(child, signal.SIGKILL)
        process.stdout.close()
