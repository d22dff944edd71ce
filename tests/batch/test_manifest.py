"""The manifest survives what happens to files: torn lines, several writers, lines of later versions."""

import json
import threading

import pytest

from spondyl.batch import MANIFEST, Record, read_manifest
from spondyl.batch.manifest import LocalManifest, Writer, latest
from spondyl.errors import OutputError


def _record(name, **more):
    return Record(
        status=more.pop("status", "done"), name=name, source=f"{name}.nii", folder=f"out/{name}", **more
    )


def test_what_is_written_is_read(tmp_path):
    record = _record("a", sha256="00", stamp="1:2", vertebrae=("L1", "T13"), flags=("partly_visible",))
    writer = Writer(str(tmp_path))
    writer.write(record)
    writer.close()
    assert list(read_manifest(tmp_path)) == [record]
    line = json.loads((tmp_path / MANIFEST).read_text())
    assert line["time"].endswith("+00:00")
    assert line["run"]
    assert "result" not in line


def test_a_torn_line_costs_no_other(tmp_path, caplog):
    Writer(str(tmp_path)).write(_record("a"))
    with (tmp_path / MANIFEST).open("a") as stream:
        stream.write('{"status": "do')
    Writer(str(tmp_path)).write(_record("b"))
    assert [record.name for record in read_manifest(tmp_path)] == ["a", "b"]
    assert "line 2 is no record" in caplog.text


def test_keys_of_later_versions_are_passed_over(tmp_path):
    line = {**_record("a").line(), "invented_later": 1}
    (tmp_path / MANIFEST).write_text(json.dumps(line) + "\n")
    assert [record.name for record in read_manifest(tmp_path)] == ["a"]


def test_many_writers_at_once(tmp_path):
    def write(number):
        manifest = LocalManifest(tmp_path / MANIFEST)
        for turn in range(20):
            manifest.add(json.dumps(_record(f"{number}-{turn}" + "x" * 5000).line()))

    threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(list(read_manifest(tmp_path))) == 80


def test_the_last_line_that_knows_the_state_counts():
    lines = [
        _record("a", sha256="1"),
        _record("a", sha256="2", status="failed", kind="ImageError"),
        _record("a", status="skipped", message="another run is at work on it"),
        _record("b", status="failed", kind="ImageError"),
    ]
    known = latest(lines)
    assert known["a"].sha256 == "2"
    assert known["b"].bad


def test_no_manifest_is_no_record(tmp_path):
    assert list(read_manifest(tmp_path)) == []


def test_a_place_that_cannot_be_written(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match=r"manifest\.jsonl"):
        LocalManifest(tmp_path / "file" / MANIFEST).add("line")
