"""Settings: read, refused with the reason."""

import re
from pathlib import Path

import pytest
import yaml

from spondyl.dicom.node import NodeConfig, Peer, read_config
from spondyl.dicom.node.tls import Tls
from spondyl.errors import InputError


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("PACS@10.0.0.1:104", ("PACS", "10.0.0.1", 104)),
        ("MY PACS@archive.example:11112", ("MY PACS", "archive.example", 11112)),
        ("A@[::1]:104", ("A", "::1", 104)),
    ],
)
def test_peer(text, parts):
    peer = Peer.parse(text)
    assert (peer.title, peer.host, peer.port) == parts
    assert str(peer) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "PACS",
        "PACS@host",
        "PACS@host:port",
        "PACS@host:99999",
        "@host:1",
        "SEVENTEEN_LETTERS@h:1",
        "A\\B@h:1",
    ],
)
def test_no_peer(text):
    with pytest.raises(InputError, match="TITLE@HOST:PORT"):
        Peer.parse(text)


def test_a_file_and_options_before_it(tmp_path):
    file = tmp_path / "node.yaml"
    file.write_text("store: s\nport: 4000\nallow: [A, B]\nsend_to: PACS@h:104\nretry_first_s: 5\n")
    config = read_config(file, port=5000, allow=(), host=None)
    assert (config.port, config.allow, config.send_to) == (5000, ("A", "B"), Peer.parse("PACS@h:104"))
    assert [config.wait_s(tries) for tries in (1, 2, 3, 500)] == [5, 10, 20, 3600]


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("store: s\ncolour: red", "colour is no setting$"),
        ("store: s\nalow: [PACS]", "alow is no setting; did you mean allow"),
        ("store: s\nport: none", "port"),
        ("port: 1", "store is missing; give --store"),
        ("- 1", "name: value"),
        ("a: [", "YAML"),
        ("store: s\nsend_to: nonsense", "send_to: 'nonsense' is no DICOM peer; expected TITLE@HOST:PORT"),
        ("store: s\nsend_to: A@h:1\nstow: http://h", "either"),
        ("store: s\nhost: 0.0.0.0", "allow must say"),
        ("store: s\nstow: ftp://h", "stow"),
    ],
)
def test_wrong_settings_are_named(tmp_path, text, word):
    file = tmp_path / "node.yaml"
    file.write_text(text)
    with pytest.raises(InputError, match=word) as caught:
        read_config(file)
    assert str(file) in str(caught.value)


def test_other_machines_only_with_a_list(tmp_path):
    assert NodeConfig(store=tmp_path, host="0.0.0.0", allow=("PACS",)).allow == ("PACS",)
    assert NodeConfig(store=tmp_path).host == "127.0.0.1"


def test_secrets_are_not_shown(tmp_path):
    headers = {"Authorization": "hunter2"}
    assert "hunter2" not in repr(NodeConfig(store=tmp_path, stow_headers=headers, stow="http://me:hunter2@h"))


@pytest.mark.parametrize(
    "line", ["Authorization: Bearer: hunter2", "Authorization: 'hunter2", "hunter2: [", "A: &hunter2 @"]
)
def test_what_cannot_be_read_is_not_quoted(tmp_path, line):
    """The message ends in the journal of the service."""
    (tmp_path / "node.yaml").write_text(f"store: s\nstow_headers:\n  {line}\n")
    with pytest.raises(InputError, match=r"not a readable YAML .* in line [34]$") as caught:
        read_config(tmp_path / "node.yaml")
    assert "hunter2" not in str(caught.value)


PAGE = (Path(__file__).parents[3] / "docs" / "pacs.md").read_text(encoding="utf-8")


def test_the_settings_of_the_page_are_settings(tmp_path):
    found = []
    for example in re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL):
        (tmp_path / "node.yaml").write_text(example)
        found.append(read_config(tmp_path / "node.yaml"))
    plain, encrypted = found
    assert (plain.send_to, plain.tls) == (Peer.parse("ORTHANC@10.1.2.4:4242"), None)
    assert encrypted.tls is not None
    assert (encrypted.tls.incoming, encrypted.tls.outgoing) == (True, True)


def test_the_page_names_every_setting_with_its_default():
    rows = re.findall(r"^\| (`[^|]*) \| *([^|]*?) *\|", PAGE, re.MULTILINE)
    told = {}
    for words, defaults in rows:
        names, values = re.findall(r"`(\w+)`", words), defaults.replace("`", "").split(", ")
        told.update(zip(names, values if len(values) == len(names) else [defaults] * len(names), strict=True))
    settings = NodeConfig.model_fields
    assert told.keys() >= settings.keys() | Tls.model_fields.keys()
    numbers = {
        name: field.default for name, field in settings.items() if isinstance(field.default, int | float)
    }
    assert {name: yaml.safe_load(told[name]) for name in numbers} == numbers
