"""Scans and results in a store: fsspec's own in memory, and an S3 server on this machine."""

import errno
from importlib.util import find_spec
from pathlib import Path

import pytest

from spondyl.batch import InProcess, find_scans, make_job, read_manifest, run_batch
from spondyl.batch.remote import RemoteResults, RemoteScan, filesystem
from spondyl.batch.remote_manifest import RemoteManifest
from spondyl.errors import DiskFullError, ImageError, MissingDependencyError, OutputError
from spondyl.result import Result

pytestmark = pytest.mark.skipif(find_spec("fsspec") is None, reason="fsspec is not installed")


@pytest.fixture
def memory(tmp_path):
    """A store in memory, under a name of its own."""
    url = f"memory://{tmp_path.name}"
    yield url
    store, path = filesystem(url)
    if store.exists(path):
        store.rm(path, recursive=True)


@pytest.fixture
def s3(tmp_path, monkeypatch):
    """A bucket of an S3 server on the loopback interface."""
    if find_spec("moto") is None or find_spec("s3fs") is None:
        pytest.skip("moto[server] and s3fs are not installed")
    import fsspec
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    _, port = server.get_host_and_port()
    settings = {"endpoint_url": f"http://127.0.0.1:{port}", "key": "key", "secret": "secret"}
    monkeypatch.setitem(fsspec.config.conf, "s3", settings)  # what ~/.config/fsspec/s3.json would hold
    store, _ = filesystem("s3://scans")
    store.mkdir("scans")
    yield "s3://scans"
    store.clear_instance_cache()
    server.stop()


def _fill(url, scans):
    store, path = filesystem(url)
    store.makedirs(f"{path}/in", exist_ok=True)
    for scan in scans:
        store.put_file(str(scan.path), f"{path}/in/{scan.path.name}")
    store.pipe_file(f"{path}/in/notes.txt", b"no scan")
    store.pipe_file(f"{path}/in/{scans[0].name}_mask.nii", b"no scan either")


def _predict(url, model, pipeline, **options):
    scans, problems = find_scans([f"{url}/in"])
    assert problems == []
    job = make_job(f"{url}/out", (model,), threads=1, **options)
    return list(run_batch(scans, job, InProcess(pipeline)))


@pytest.mark.parametrize("kind", ["memory", "s3"])
def test_from_store_to_store(kind, request, reader_model, pipeline, many_scans, tmp_path):
    url = request.getfixturevalue(kind)
    local = many_scans(3)
    _fill(url, local)
    records = _predict(url, reader_model, pipeline)
    assert sorted((record.name, record.status) for record in records) == [(s.name, "done") for s in local]
    store, path = filesystem(url)
    for scan in local:
        folder = f"{path}/out/{scan.name}"
        names = sorted(name.rsplit("/", 1)[-1] for name in store.find(folder))
        assert names == ["centroids.json", "mask.nii.gz", "preview.png", "result.json"]
        store.get_file(f"{folder}/result.json", str(tmp_path / "result.json"))
        result = Result.read(tmp_path / "result.json")
        assert [v.name for v in result.vertebrae] == ["L1", "L2", "S1"]
        assert (result.scan.sha256, result.scan.file) == (scan.sha256(), scan.path.name)
        assert result.scan.path is None
    assert sorted(r.name for r in read_manifest(f"{url}/out")) == [scan.name for scan in local]

    again = _predict(url, reader_model, pipeline)
    assert [record.status for record in again] == ["skipped"] * 3
    assert not any(record.bad for record in again)
    store.pipe_file(f"{path}/in/{local[0].path.name}", b"damaged")
    changed = {r.name: r for r in _predict(url, reader_model, pipeline)}[local[0].name]
    assert "another state" in changed.message
    overwritten = {r.name: r for r in _predict(url, reader_model, pipeline, overwrite=True)}[local[0].name]
    assert overwritten.status == "failed"
    assert overwritten.message.startswith(f"{overwritten.source}: ")
    assert local[0].path.name in overwritten.source


def test_what_was_not_written_to_the_end_is_no_result(memory, reader_model, pipeline, many_scans):
    _fill(memory, many_scans(1))
    _predict(memory, reader_model, pipeline)
    store, path = filesystem(memory)
    store.rm_file(f"{path}/out/scan00/result.json")
    assert RemoteResults(f"{memory}/out").earlier("scan00") is None
    assert [record.status for record in _predict(memory, reader_model, pipeline)] == ["done"]


def test_nothing_there(memory):
    scans, problems = find_scans([f"{memory}/in"])
    assert scans == []
    assert "no scans found" in problems[0].message
    gone = RemoteScan("gone", Path("memory:/gone.nii"), f"{memory}/gone.nii")
    assert gone.stamp() is None
    with pytest.raises(ImageError, match=r"gone\.nii"), gone.at_hand():
        pass


class OutOfReachError(Exception):
    """As botocore's ``NoCredentialsError`` and ``EndpointConnectionError``: no OSError."""


def test_a_store_out_of_reach_is_told_in_a_line(
    memory, reader_model, pipeline, many_scans, monkeypatch, tmp_path
):
    _fill(memory, many_scans(2))
    found, _ = find_scans([f"{memory}/in"])
    store, _ = filesystem(memory)
    with monkeypatch.context() as patch:

        def away(*_, **__):
            raise OutOfReachError("no server")

        for name in ("find", "info", "isfile", "get_file"):
            patch.setattr(type(store), name, away)
        assert find_scans([f"{memory}/in"])[1][0].message.endswith("cannot be read: no server")
        assert found[0].stamp() is None
        with pytest.raises(OutputError, match="no server"):
            RemoteResults(f"{memory}/out").earlier("scan00")
        with pytest.raises(OutputError, match="no server"):
            list(read_manifest(f"{memory}/out"))
        with pytest.raises(ImageError, match="no server"), found[0].at_hand():
            pass
    with monkeypatch.context() as patch:
        patch.setattr(type(store), "get_file", away)
        job = make_job(tmp_path / "out", (reader_model,), threads=1)
        records = list(run_batch(found, job, InProcess(pipeline)))
    assert {(record.kind, record.lasting) for record in records} == {("ImageError", False)}


def test_a_full_temporary_folder_ends_the_run(memory, many_scans, monkeypatch):
    _fill(memory, many_scans(1))
    (scan,), _ = find_scans([f"{memory}/in"])

    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(type(filesystem(memory)[0]), "get_file", full)
    with pytest.raises(DiskFullError, match="No space left"), scan.at_hand():
        pass


def test_an_image_of_two_files_says_that_a_store_brings_one(memory):
    store, path = filesystem(memory)
    store.pipe_file(f"{path}/in/scan.mhd", b"ElementDataFile = scan.raw")
    store.pipe_file(f"{path}/in/scan.raw", b"voxels")
    (scan,), _ = find_scans([f"{memory}/in"])
    with pytest.raises(ImageError, match=r"another file.*convert"), scan.at_hand():
        pass


def test_an_unknown_kind_of_store_names_the_extra():
    with pytest.raises(MissingDependencyError, match=r"spondyl\[s3\]"):
        filesystem("gopher://scans")


def test_lines_are_written_now_and_then_and_at_the_end(memory):
    now = [0.0]
    manifest = RemoteManifest(memory, "run", clock=lambda: now[0])
    store, path = filesystem(memory)
    manifest.add("1")
    assert not store.exists(f"{path}/manifest/run-0000.jsonl")
    now[0] = 11
    manifest.add("2")
    assert store.cat_file(f"{path}/manifest/run-0000.jsonl") == b"1\n2\n"
    for number in range(3, 1003):
        manifest.add(str(number))
    manifest.close()
    assert store.cat_file(f"{path}/manifest/run-0001.jsonl") == b"1001\n1002\n"
