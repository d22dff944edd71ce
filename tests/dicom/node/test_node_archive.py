"""Archives that answer less than they should."""

import json
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import parse_qs, urlsplit

import pytest
from node_pacs import free_port, wait_until
from pydicom import Dataset
from pynetdicom import AE, evt

from spondyl.dicom.node import Peer
from spondyl.dicom.node.archive_dicom import _FIND, DicomArchive
from spondyl.dicom.node.archive_web import WebArchive
from spondyl.dicom.node.sockets import Connections
from spondyl.errors import TransferError

STUDIES = [f"1.2.{number}" for number in range(5)]


@contextmanager
def serving(answer):
    """A DICOMweb service whose answer is a function of the query."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            body = json.dumps(answer(parse_qs(urlsplit(self.path).query))).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/dicom+json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/dicom-web"
        server.shutdown()
        thread.join()


def study(uid):
    return {"0020000D": {"vr": "UI", "Value": [uid]}}


def page(query):
    """Two answers at most, as archives with a limit give them."""
    first = int(query.get("offset", ["0"])[0])
    return [study(uid) for uid in STUDIES[first : first + 2]]


@pytest.mark.parametrize(
    ("answer", "uids"),
    [
        (page, STUDIES),
        (lambda _: [study(uid) for uid in STUDIES], STUDIES),  # knows no offsets
        (lambda query: [{}, *page(query)] if query["offset"] == ["0"] else [], STUDIES[:2]),
        (lambda _: [], []),
    ],
    ids=["pages", "all at once", "one without UID", "none"],
)
def test_every_study_is_found(answer, uids):
    with serving(answer) as url:
        assert [found.uid for found in WebArchive(url).find()] == uids


@pytest.mark.parametrize("answer", [{"error": "x"}, [1], [{"0020000D": {"vr": "UI", "Value": [{}]}}]])
def test_an_answer_that_is_no_dicom(answer):
    with serving(lambda _: answer) as url, pytest.raises(TransferError):
        WebArchive(url).find()


def test_a_connection_that_is_not_secure():
    """Here nobody speaks TLS; a certificate of an unknown authority is told in the same way."""
    with serving(page) as url, pytest.raises(TransferError, match="no secure connection; is the authority"):
        WebArchive(url.replace("http:", "https:")).find()


def test_no_password_in_an_error():
    url = f"http://me:hunter2@127.0.0.1:{free_port()}/dicom-web?token=hunter2"
    with pytest.raises(TransferError, match="cannot be reached") as caught:
        WebArchive(url).find()
    assert "hunter2" not in str(caught.value)


@contextmanager
def archive(*handlers, allow=()):
    ae = AE(ae_title="ARCHIVE")
    ae.require_calling_aet = list(allow)
    ae.add_supported_context(_FIND)
    server = ae.start_server(
        ("127.0.0.1", 0), block=False, evt_handlers=[*Connections(60).handlers(), *handlers]
    )
    try:
        yield DicomArchive(Peer(title="ARCHIVE", host="127.0.0.1", port=server.server_address[1]))
    finally:
        server.shutdown()
        ae.shutdown()


def test_answers_without_a_uid(caplog):
    def answers(_):
        for uid in ("", "1.2.3"):
            answer = Dataset()
            answer.StudyInstanceUID, answer.NumberOfStudyRelatedInstances = uid, None
            answer.ModalitiesInStudy = ["CT", "SR"]
            yield 0xFF00, answer

    with archive((evt.EVT_C_FIND, answers)) as asked:
        (found,) = asked.find()
    assert (found.uid, found.modalities, found.instances) == ("1.2.3", ("CT", "SR"), None)
    assert "1 answers without a Study Instance UID" in caplog.text


def ask_when_it_has_hung_up(asked):
    with asked._calling(_FIND) as association:
        association.abort()
        wait_until(lambda: association.is_aborted, "it has hung up")
        list(association.send_c_find(Dataset(), _FIND))


def test_an_archive_that_hangs_up_between_two_questions():
    with archive() as asked, pytest.raises(TransferError, match="hung up"):
        ask_when_it_has_hung_up(asked)


def test_an_archive_of_no_known_host():
    with pytest.raises(TransferError, match=r"PACS@pacs\.invalid:104 cannot be reached: "):
        DicomArchive(Peer(title="PACS", host="pacs.invalid", port=104)).find()


def test_an_archive_that_says_why_it_refuses():
    why = r"refuses the association \(Calling AE title not recognised\); check its address"
    with archive(allow=["SOMEBODY"]) as asked, pytest.raises(TransferError, match=why):
        asked.find()
