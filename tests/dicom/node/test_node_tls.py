"""Encrypted associations: with Orthanc and dcmtk, with strangers, and with files that do not fit."""

import re
import socket
import time
from contextlib import closing, suppress

import pytest
from node_fakes import make_slices, write_slices
from node_pacs import Orthanc, calling, dcmtk, needs, read_back, send, wait_until
from pydantic import ValidationError

from spondyl.cli import app
from spondyl.dicom.node import Node, Peer, read_config
from spondyl.dicom.node.study import State
from spondyl.dicom.node.tls import Tls
from spondyl.dicom.node.upkeep import list_studies
from spondyl.errors import InputError


@pytest.fixture
def start(settings, process, certificates):
    """Starts a node that speaks TLS; it is stopped at the end of the test."""
    running = []

    def start(**more):
        node = Node(settings(**{"tls": certificates.tls(), **more}), process)
        node.start()
        running.append(node)
        return node

    yield start
    for node in running:
        node.stop(grace_s=1)


def trouble(node):
    """Why the results of the only study were not sent."""
    return wait_until(lambda: list_studies(node.queue)[0].error, "sending fails")


@needs("storescu", "echoscu", "Orthanc")
def test_dcmtk_and_orthanc(start, certificates, slices, tmp_path):
    scanner, ours = certificates.make("scanner"), certificates.make("pacs")
    pacs = Orthanc(
        tmp_path / "pacs",
        DicomTlsEnabled=True,
        DicomTlsCertificate=str(ours[0]),
        DicomTlsPrivateKey=str(ours[1]),
        DicomTlsTrustedCertificates=str(certificates.authority),
        DicomTlsRemoteCertificateRequired=True,
    )
    peer = Peer(title=pacs.title, host="127.0.0.1", port=pacs.port)
    node = start(send_to=peer, allow=(pacs.title, "STORESCU", "ECHOSCU"))
    tls = ("+tls", scanner[1], scanner[0], "+cf", certificates.authority)
    to = ("-aec", "SPONDYL", "127.0.0.1", node.config.port)
    pacs.start()
    try:
        assert dcmtk("echoscu", *tls, *to).returncode == 0
        assert dcmtk("storescu", *tls, "+sd", *to, write_slices(slices, tmp_path / "ct")).returncode == 0
        assert read_back(pacs, slices[0].StudyInstanceUID, "SEG").Modality == "SEG"
        pacs.know("SPONDYL", node.config.port, tls=True)
        others = make_slices()
        for file in sorted(write_slices(others, tmp_path / "other").iterdir()):
            pacs.send("/instances", file.read_bytes())
        study = others[0].StudyInstanceUID
        pacs.send(
            "/modalities/spondyl/store", {"Resources": pacs.instances(study, "CT"), "Synchronous": True}
        )
        assert read_back(pacs, study, "SR").Modality == "SR"
        pull(pacs, certificates, tmp_path, study)
    finally:
        pacs.stop()


def pull(pacs, certificates, tmp_path, study):
    certificate, key = certificates.make("node")
    (tmp_path / "node.yaml").write_text(
        f"store: s\ntls: {{certificate: {certificate}, key: {key}, authorities: {certificates.authority}}}\n"
    )
    where = ["--from", f"{pacs.title}@127.0.0.1:{pacs.port}", "--config", tmp_path / "node.yaml"]
    app(
        ["pull", *map(str, where), "--study", study, "-o", str(tmp_path / "out")],
        result_action="return_value",
    )
    assert len(list((tmp_path / "out").rglob("*.dcm"))) == 3


def test_sent_and_delivered(start, archive, slices, certificates):
    with archive.listening(certificates.listening()):
        node = start()
        send(node.config.port, slices, ssl_context=certificates.calling("scanner"))
        wait_until(lambda: list_studies(node.queue)[0].state == State.DONE, "done")
    assert len(archive.got) == 2


def test_one_direction_alone(start, archive, slices, certificates):
    with archive.listening(certificates.listening()):
        node = start(tls=certificates.tls(incoming=False))
        send(node.config.port, slices)
        wait_until(lambda: list_studies(node.queue)[0].state == State.DONE, "done")


def test_certificates_of_callers_may_be_waived(start, certificates):
    node = start(tls=certificates.tls(callers="anybody"))
    with calling(node.config.port, ssl_context=certificates.calling()) as association:
        assert association.is_established


@pytest.fixture
def stranger(tmp_path, certificates):
    """An authority that nobody knows."""
    return type(certificates)(tmp_path / "stranger")


def knock_plainly(port, _):
    with calling(port) as association:
        assert not association.is_established


def knock_without_certificate(port, certificates):
    with calling(port, ssl_context=certificates.calling()) as association:
        assert not association.is_established


def knock_with_nonsense(port, _):
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\n\r\n")
        with suppress(ConnectionError):
            while connection.recv(100):
                pass


def knock_and_leave(port, _):
    socket.create_connection(("127.0.0.1", port)).close()


@pytest.mark.parametrize(
    ("knock", "words"),
    [
        (knock_plainly, "it does not speak TLS"),
        (knock_with_nonsense, "it does not speak TLS"),
        (knock_without_certificate, "it shows no certificate"),
        (knock_and_leave, "it hangs up during the TLS handshake"),
    ],
)
def test_who_cannot_be_trusted_is_told_once(start, certificates, slices, caplog, knock, words):
    node = start(send_to=None)
    for _ in range(3):
        knock(node.config.port, certificates)
    send(node.config.port, slices, ssl_context=certificates.calling("scanner"))
    wait_until(lambda: list_studies(node.queue)[0].state == State.DONE, "done")
    told = [record.getMessage() for record in caplog.records if "no association" in record.getMessage()]
    assert told == [f"no association with 127.0.0.1: {words}; told once an hour"]


def test_a_certificate_of_strangers(start, certificates, stranger, caplog):
    node = start()
    context = stranger.calling("scanner")
    context.load_verify_locations(certificates.authority)
    with calling(node.config.port, ssl_context=context) as association:
        assert not association.is_established
    assert "shows a certificate that is not accepted: " in caplog.text


def test_a_handshake_that_is_never_finished(start, certificates, monkeypatch, caplog):
    monkeypatch.setattr("spondyl.dicom.node.sockets._HANDSHAKE_S", 0.5)
    node = start()
    with socket.create_connection(("127.0.0.1", node.config.port)) as stalled:
        stalled.sendall(b"\x16\x03\x01")
        begun = time.monotonic()
        with calling(node.config.port, ssl_context=certificates.calling("scanner")) as association:
            assert association.is_established
        assert time.monotonic() - begun < 0.5
        stalled.settimeout(10)
        assert stalled.recv(100) == b""
    assert caplog.text.count("it does not finish the TLS handshake") == 1


def test_stopped_during_a_handshake(start, caplog):
    node = start()
    with socket.create_connection(("127.0.0.1", node.config.port)):
        wait_until(lambda: node._receiver._connections._greeting, "the handshake begins")
        begun = time.monotonic()
        node.stop()
    assert time.monotonic() - begun < 5
    assert "no association" not in caplog.text


def test_stopped_in_the_middle_of_a_message(start, certificates):
    node = start()
    with socket.create_connection(("127.0.0.1", node.config.port)) as plain:
        context = certificates.calling("scanner")
        with context.wrap_socket(plain, server_hostname="127.0.0.1") as caller:
            caller.sendall(bytes.fromhex("010000000044"))  # a request of 68 bytes begins
            wait_until(lambda: not node._receiver._connections._greeting, "the handshake is done")
            begun = time.monotonic()
            node.stop(grace_s=0.1)
    assert time.monotonic() - begun < 8


def test_an_archive_without_tls(start, archive, slices, certificates):
    with archive.listening():
        node = start(tls=certificates.tls(incoming=False))
        send(node.config.port, slices)
        assert "ARCHIVE@127.0.0.1" in trouble(node)
        assert "does not speak TLS; check the port" in trouble(node)


def test_an_archive_that_wants_tls(start, archive, slices, certificates):
    with archive.listening(certificates.listening()):
        node = start(tls=None)
        send(node.config.port, slices)
        assert "gives no answer in DICOM; check its port, and whether it wants TLS" in trouble(node)


def test_an_archive_that_is_down(start, slices, certificates):
    node = start(tls=certificates.tls(incoming=False))
    send(node.config.port, slices)
    assert "cannot be reached; check its address" in trouble(node)


def test_an_archive_of_strangers(start, archive, slices, certificates, stranger):
    with archive.listening(stranger.listening()):
        node = start(tls=certificates.tls(incoming=False))
        send(node.config.port, slices)
        assert "shows a certificate that is not accepted: " in trouble(node)
    with archive.listening(certificates.listening()):  # and nothing is lost
        wait_until(lambda: list_studies(node.queue)[0].state == State.DONE, "done")


def test_an_archive_that_does_not_know_us(start, archive, slices, certificates, stranger):
    own, key = stranger.make("node")
    tls = Tls(incoming=False, certificate=own, key=key, authorities=certificates.authority)
    with archive.listening(certificates.listening()):
        node = start(tls=tls)
        send(node.config.port, slices)
        # The archive may be gone before its reason has arrived.
        assert re.search("does not know the authority of our certificate|hangs up during", trouble(node))


def test_an_archive_that_wants_a_certificate(start, archive, slices, certificates):
    with archive.listening(certificates.listening()):
        node = start(tls=Tls(incoming=False, authorities=certificates.authority))
        send(node.config.port, slices)
        assert re.search("wants a certificate|hangs up during", trouble(node))


@pytest.mark.parametrize("check_host", [True, False])
def test_the_name_of_an_archive(start, archive, slices, certificates, check_host):
    certificates.make("elsewhere", "DNS:elsewhere.example")
    with archive.listening(certificates.listening("elsewhere")):
        node = start(tls=certificates.tls(incoming=False, check_host=check_host))
        send(node.config.port, slices)
        if check_host:
            assert "IP address mismatch" in trouble(node)
        else:
            wait_until(lambda: list_studies(node.queue)[0].state == State.DONE, "done")


@pytest.mark.parametrize(
    ("what", "words"),
    [
        ("missing certificate", r"tls.certificate .*none.crt: cannot be read: No such file"),
        ("missing authority", r"tls.authorities .*none.crt: cannot be read: No such file"),
        ("folder", r"tls.key .*: cannot be read: Is a directory"),
        ("mixed up", r"tls.certificate .*node.key: expected a certificate in PEM form"),
        ("another's key", r"tls.key .*pacs.key: is not the key of the certificate .*node.crt"),
        ("passphrase", r"tls.key .*: has a passphrase"),
        ("damaged", r"tls.certificate .*damaged.crt"),
        ("damaged authority", r"tls.authorities .*damaged.crt: damaged"),
    ],
)
def test_files_that_do_not_fit_are_named_at_the_start(settings, certificates, tmp_path, what, words):
    certificate, key = certificates.make("node")
    damaged = tmp_path / "damaged.crt"
    damaged.write_text(certificate.read_text().replace("M", "!"))
    wrong = {
        "missing certificate": {"certificate": tmp_path / "none.crt"},
        "missing authority": {"authorities": tmp_path / "none.crt"},
        "folder": {"key": tmp_path},
        "mixed up": {"certificate": key, "key": certificate},
        "another's key": {"key": certificates.make("pacs")[1]},
        "passphrase": {"key": certificates.encrypt(key)},
        "damaged": {"certificate": damaged},
        "damaged authority": {"authorities": damaged},
    }[what]
    node = Node(settings(tls=certificates.tls(**wrong)))
    with closing(node.queue), pytest.raises(InputError, match=words):
        node.start()


def test_one_file_for_certificate_and_key(certificates, tmp_path):
    both = tmp_path / "both.pem"
    both.write_text("".join(file.read_text() for file in certificates.make("node")))
    certificates.tls(certificate=both, key=both).check()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{}", "tls: certificate is missing"),
        ("{certificate: c, authorities: a}", "tls: certificate and key belong together"),
        ("{certificate: c, key: k}", "tls: authorities is missing"),
        ("{incoming: false}", "tls: authorities is missing"),
        ("{incoming: false, outgoing: false}", "tls: incoming and outgoing are both false"),
        ("{certificat: c}", "tls.certificat is no setting; did you mean tls.certificate"),
        ("{callers: friends}", "tls.callers"),
        ("yes", "tls: expected settings of its own as 'name: value' lines"),
    ],
)
def test_settings_that_do_not_fit(tmp_path, text, words):
    (tmp_path / "node.yaml").write_text(f"store: s\ntls: {text}\n")
    with pytest.raises(InputError, match=words):
        read_config(tmp_path / "node.yaml")


def test_what_needs_no_authority():
    assert Tls(outgoing=False, callers="anybody", certificate="c", key="k").authorities is None
    with pytest.raises(ValidationError, match="authorities is missing"):
        Tls(callers="anybody", certificate="c", key="k")
