"""No socket is left to the garbage collector, however an association ends."""

import socket
import struct
import threading
import time
from contextlib import contextmanager, suppress

import pytest
from node_fakes import make_slices, write_slices
from node_pacs import calling, free_port, wait_until
from pynetdicom import AE, evt
from pynetdicom.sop_class import CTImageStorage, Verification

from spondyl.dicom.node import Peer
from spondyl.dicom.node.call import associated
from spondyl.dicom.node.contexts import caller
from spondyl.dicom.node.send import send_dicom
from spondyl.dicom.node.sockets import Connections
from spondyl.errors import TransferError

HELLO = bytes.fromhex("010000000044")
"""An association request begins, and 68 bytes of it should follow."""


def reset(connection):
    """End a connection without the usual farewell."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def hang_up(connection):
    connection.close()


def answer_nonsense(connection):
    connection.sendall(b"HTTP/1.1 400 Bad Request\r\n")
    connection.close()


def answer_nonsense_and_wait(connection):
    """No farewell that could close the caller's socket comes in time."""
    with connection, suppress(OSError):
        connection.sendall(b"HTTP/1.1 400 Bad Request\r\n")
        connection.settimeout(60)
        while connection.recv(4096):
            pass


class Seen:
    """Every socket that was opened."""

    def __init__(self, handlers):
        self.sockets = []
        self.handlers = [
            *handlers,
            (evt.EVT_CONN_OPEN, self.note),
            (evt.EVT_ACSE_SENT, self.note),
        ]

    def note(self, event):
        if event.assoc.dul.socket.socket is not None:
            self.sockets.append(event.assoc.dul.socket.socket)

    def closed(self):
        return bool(self.sockets) and all(each.fileno() == -1 for each in self.sockets)


@contextmanager
def rude_peer(end):
    """Takes one connection, reads what comes first and ends it."""

    def serve():
        connection, _ = server.accept()
        connection.recv(6)
        end(connection)

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=serve)
        thread.start()
        yield server.getsockname()[1]
        thread.join()


def call(port):
    seen, ae = Seen([]), AE()
    ae.add_requested_context(Verification)
    peer = Peer(title="SPONDYL", host="127.0.0.1", port=port)
    with pytest.raises(TransferError), associated(ae, peer, handlers=seen.handlers):
        pytest.fail("there is no association")
    wait_until(seen.closed, "the socket is closed")


@pytest.mark.parametrize("end", [reset, hang_up, answer_nonsense, answer_nonsense_and_wait])
def test_a_caller_whom_the_other_side_leaves(end):
    with rude_peer(end) as port:
        call(port)


def test_nothing_is_held_back(listening):
    """Else each object sent waits 40 ms for a confirmation of the other side."""
    port, _ = listening
    with calling(port) as association:
        sender = association.dul.socket.socket
        assert sender.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) == 1


def test_an_archive_that_reads_no_further(monkeypatch, tmp_path):
    """Else the thread that sends waits for ever, and the node cannot be stopped."""

    def patient(title):
        ae = caller(title)
        ae.dimse_timeout = ae.network_timeout = 0.5
        return ae

    def halt(event):
        if event.data[:1] == b"\x04":  # the first piece of an object
            released.wait(10)
            released.set()

    monkeypatch.setattr("spondyl.dicom.node.send.caller", patient)
    (file,) = write_slices(make_slices(1, rows=4000), tmp_path).iterdir()
    released, ae = threading.Event(), AE(ae_title="ARCHIVE")
    ae.add_supported_context(CTImageStorage)
    halting = [*Connections(60).handlers(), (evt.EVT_DATA_RECV, halt)]
    server = ae.start_server(("127.0.0.1", 0), block=False, evt_handlers=halting)
    peer = Peer(title="ARCHIVE", host="127.0.0.1", port=server.server_address[1])
    begun = time.monotonic()
    try:
        with pytest.raises(TransferError, match="gave no answer"):
            list(send_dicom([file], peer, title="SPONDYL"))
        assert time.monotonic() - begun < 8
    finally:
        released.set()
        ae.shutdown()


def test_a_caller_whom_nobody_hears():
    call(free_port())


@pytest.fixture
def listening():
    """Port of a listener, and the sockets that it took."""
    seen, ae = Seen(Connections(60).handlers()), AE(ae_title="SPONDYL")
    ae.add_supported_context(Verification)
    server = ae.start_server(("127.0.0.1", 0), block=False, evt_handlers=seen.handlers)
    yield server.server_address[1], seen
    ae.shutdown()


@pytest.mark.parametrize(
    "words", [b"", HELLO, b"GET / HTTP/1.1\r\n\r\n", b"\x04\x00\x00\x00\x00\x04\x00\x00\x00\x00"]
)
@pytest.mark.parametrize("end", [reset, hang_up])
def test_a_stranger_who_leaves(listening, words, end):
    port, seen = listening
    connection = socket.create_connection(("127.0.0.1", port))
    connection.sendall(words)
    end(connection)
    wait_until(seen.closed, "the socket is closed")


@pytest.mark.parametrize("end", [reset, hang_up])
def test_a_sender_who_leaves(listening, end):
    port, seen = listening
    with calling(port) as association:
        assert association.is_established
        end(association.dul.socket.socket)
    wait_until(seen.closed, "the socket is closed")
