import json

import pytest
from datasets_helpers import FakeFile, sha256

from spondyl.datasets.fetch import fetch, fetch_json
from spondyl.errors import DownloadError, OutputError

BODY = bytes(range(256)) * 2000  # 512 kB, no two blocks alike after a shift


def _ranges(server):
    return [wanted for _, wanted in server.requests]


def test_fetches_whole_file_and_reports_progress(server, tmp_path):
    server.files["/a.zip"] = FakeFile(BODY)
    seen = []
    path = fetch(f"{server.url}/a.zip", tmp_path / "new" / "a.zip", progress=lambda *step: seen.append(step))
    assert path.read_bytes() == BODY
    assert [p.name for p in path.parent.iterdir()] == ["a.zip"]
    assert seen[-1] == ("a.zip", len(BODY), len(BODY))
    assert [done for _, done, _ in seen] == sorted(done for _, done, _ in seen)


def test_existing_file_is_not_asked_for_again(server, tmp_path):
    (tmp_path / "a.zip").write_bytes(b"mine")
    fetch(f"{server.url}/a.zip", tmp_path / "a.zip")
    assert server.requests == []


def test_broken_transfer_continues_where_it_stopped(server, tmp_path):
    server.files["/a.zip"] = FakeFile(BODY, break_after=[100_000, 50_000])
    path = fetch(f"{server.url}/a.zip", tmp_path / "a.zip", checksum=sha256(BODY), pause_s=0)
    assert path.read_bytes() == BODY
    assert _ranges(server) == [None, "bytes=100000-", "bytes=150000-"]


def test_later_run_continues_what_an_earlier_one_kept(server, tmp_path):
    server.files["/a.zip"] = file = FakeFile(BODY, break_after=[100_000, 0, 0, 0, 0])
    with pytest.raises(DownloadError, match=r"100000 bytes are kept in .*a\.zip\.part.*open http://page"):
        fetch(f"{server.url}/a.zip", tmp_path / "a.zip", pause_s=0, page="http://page")
    assert (tmp_path / "a.zip.part").stat().st_size == 100_000
    assert not (tmp_path / "a.zip").exists()
    file.break_after.clear()
    assert fetch(f"{server.url}/a.zip", tmp_path / "a.zip").read_bytes() == BODY
    assert _ranges(server)[-1] == "bytes=100000-"


def test_file_changed_meanwhile_is_begun_anew(server, tmp_path):
    server.files["/a.zip"] = FakeFile(BODY, break_after=[100_000, 0, 0, 0, 0])
    with pytest.raises(DownloadError):
        fetch(f"{server.url}/a.zip", tmp_path / "a.zip", pause_s=0)
    other = BODY[::-1]
    server.files["/a.zip"] = FakeFile(other, etag='"two"')
    assert fetch(f"{server.url}/a.zip", tmp_path / "a.zip").read_bytes() == other


@pytest.mark.parametrize("etag", [None, 'W/"weak"'])
def test_server_without_version_mark_is_never_pieced_together(server, tmp_path, etag):
    server.files["/a.zip"] = FakeFile(BODY, etag=etag, break_after=[100_000])
    assert fetch(f"{server.url}/a.zip", tmp_path / "a.zip", pause_s=0).read_bytes() == BODY
    assert _ranges(server) == [None, None]


def test_server_without_ranges_sends_all_again(server, tmp_path):
    server.files["/a.zip"] = FakeFile(BODY, ranges=False, break_after=[100_000])
    assert fetch(f"{server.url}/a.zip", tmp_path / "a.zip", pause_s=0).read_bytes() == BODY


def test_wrong_range_from_the_server_is_not_appended(server, tmp_path):
    server.files["/a.zip"] = FakeFile(BODY, ignore_start=True, break_after=[100_000])
    assert fetch(f"{server.url}/a.zip", tmp_path / "a.zip", pause_s=0).read_bytes() == BODY


def test_killed_between_last_byte_and_rename(server, tmp_path):
    server.files["/a.zip"] = FakeFile(BODY)
    (tmp_path / "a.zip.part").write_bytes(BODY)
    (tmp_path / "a.zip.part.json").write_text(json.dumps({"url": f"{server.url}/a.zip", "version": '"one"'}))
    assert fetch(f"{server.url}/a.zip", tmp_path / "a.zip", checksum=sha256(BODY)).read_bytes() == BODY


def test_partial_file_longer_than_the_servers_is_thrown_away(server, tmp_path):
    server.files["/a.zip"] = FakeFile(BODY)
    (tmp_path / "a.zip.part").write_bytes(BODY + b"tail")
    (tmp_path / "a.zip.part.json").write_text(json.dumps({"url": f"{server.url}/a.zip", "version": '"one"'}))
    assert fetch(f"{server.url}/a.zip", tmp_path / "a.zip", pause_s=0).read_bytes() == BODY


def test_wrong_hash_is_refused_and_deleted(server, tmp_path):
    server.files["/a.zip"] = FakeFile(BODY)
    with pytest.raises(DownloadError, match=f"expected sha256 {'0' * 64}, found"):
        fetch(f"{server.url}/a.zip", tmp_path / "a.zip", checksum="sha256:" + "0" * 64)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("status", "words"), [(404, "404: nothing there"), (403, "403: a login is needed")])
def test_refusal_is_final_and_names_the_page(server, tmp_path, status, words):
    server.files["/a.zip"] = FakeFile(BODY, status=status)
    with pytest.raises(DownloadError, match=f"{words}.*open http://page"):
        fetch(f"{server.url}/a.zip", tmp_path / "a.zip", page="http://page")
    assert len(server.requests) == 1


def test_busy_server_is_asked_again(server, tmp_path):
    server.files["/a.zip"] = FakeFile(BODY, busy=2)
    assert fetch(f"{server.url}/a.zip", tmp_path / "a.zip", pause_s=0).read_bytes() == BODY


def test_redirect_to_a_login_page_is_told_from_a_file(server, tmp_path):
    server.files["/a.zip"] = FakeFile(b"", redirect="/login")
    server.files["/login"] = FakeFile(b"<html>Sign in</html>", content_type="text/html; charset=utf-8")
    with pytest.raises(DownloadError, match="web page came instead"):
        fetch(f"{server.url}/a.zip", tmp_path / "a.zip")
    assert list(tmp_path.iterdir()) == []


def test_redirect_to_the_file_is_followed_with_its_range(server, tmp_path):
    server.files["/a.zip"] = FakeFile(b"", redirect="/b.zip")
    server.files["/b.zip"] = FakeFile(BODY, break_after=[100_000])
    assert fetch(f"{server.url}/a.zip", tmp_path / "a.zip", pause_s=0).read_bytes() == BODY
    assert ("/b.zip", "bytes=100000-") in server.requests


def test_no_network_is_one_clear_error(tmp_path):
    with pytest.raises(DownloadError, match=r"not reachable .*run the command again"):
        fetch("http://127.0.0.1:1/a.zip", tmp_path / "a.zip", pause_s=0)


def test_other_schemes_are_refused(tmp_path):
    with pytest.raises(DownloadError, match="only http"):
        fetch((tmp_path / "secret").as_uri(), tmp_path / "a.zip")


def test_full_disk_is_seen_before_the_first_byte(server, tmp_path, monkeypatch):
    server.files["/a.zip"] = FakeFile(BODY)
    monkeypatch.setattr("shutil.disk_usage", lambda _: type("Usage", (), {"free": 1000}))
    with pytest.raises(OutputError, match="not enough space"):
        fetch(f"{server.url}/a.zip", tmp_path / "a.zip")


def test_json_with_next_page(server):
    link = f'<{server.url}/first>; rel="first", <{server.url}/two?cursor=a,b>; rel="next"'
    server.files["/one"] = FakeFile(b'{"a": 1}', content_type="application/json", link=link)
    assert fetch_json(f"{server.url}/one") == ({"a": 1}, f"{server.url}/two?cursor=a,b")


def test_json_errors_are_download_errors(server):
    server.files["/one"] = FakeFile(b"<html>", content_type="text/html")
    with pytest.raises(DownloadError, match="expected JSON"):
        fetch_json(f"{server.url}/one")
    with pytest.raises(DownloadError, match="404"):
        fetch_json(f"{server.url}/none")
    with pytest.raises(DownloadError, match="not reachable"):
        fetch_json("http://127.0.0.1:1/")
