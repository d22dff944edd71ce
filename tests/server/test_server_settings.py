"""What a server refuses to be started with."""

import pytest

from spondyl.errors import InputError, MissingDependencyError
from spondyl.server.settings import Settings, host_name


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "::1", "localhost"])
def test_this_machine_needs_no_token(tmp_path, host):
    assert Settings.checked(data=tmp_path, host=host).is_loopback


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "scans.example.org", ""])
def test_others_are_kept_out(tmp_path, host):
    with pytest.raises(InputError, match="other machines could reach"):
        Settings.checked(data=tmp_path, host=host)
    assert not Settings.checked(data=tmp_path, host=host, token="x" * 16).is_loopback
    assert Settings.checked(data=tmp_path, host=host, force=True).token is None


@pytest.mark.parametrize(
    "values", [{"token": "short"}, {"port": 70_000}, {"max_upload_mb": 0}, {"colour": "red"}, {"threads": 0}]
)
def test_values_out_of_range(tmp_path, values):
    with pytest.raises(InputError, match=next(iter(values))):
        Settings.checked(data=tmp_path, **values)


def test_names_in_host_headers():
    assert [host_name(h) for h in ("A.b:80", "[::1]:80", "1.2.3.4", "[::1")] == [
        "a.b",
        "::1",
        "1.2.3.4",
        "::1",
    ]


def test_what_is_missing_is_named(tmp_path, monkeypatch):
    from spondyl.server import run

    monkeypatch.setattr(run, "find_spec", lambda name: None if name == "uvicorn" else object())
    with pytest.raises(MissingDependencyError, match=r"needs uvicorn; .*spondyl\[web\]"):
        run.serve(Settings.checked(data=tmp_path))


def test_command_line_passes_everything_on(tmp_path, monkeypatch):
    from spondyl.cli import app

    seen = []
    monkeypatch.setattr("spondyl.server.run.serve", lambda settings, _ready: seen.append(settings))
    (tmp_path / "token").write_text("a token in a file\n")
    words = [
        "serve",
        "--data",
        tmp_path,
        "--host",
        "0.0.0.0",
        "--port",
        81,
        "--token-file",
        tmp_path / "token",
    ]
    more = ["--allow-host", "a.example", "--max-upload-mb", 5, "--threads", 2]
    app([str(word) for word in [*words, *more]], result_action="return_value")
    (settings,) = seen
    assert (settings.token, settings.allowed_hosts) == ("a token in a file", ("a.example",))
    assert (settings.port, settings.max_upload_mb, settings.threads) == (81, 5, 2)
