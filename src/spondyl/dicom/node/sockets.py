"""Sockets under pynetdicom: closed in time, none waits or reads without end, and what is sent goes at once.

pynetdicom 3.0 closes a socket only if it can be shut down first, which fails when the other side has reset
the connection or was never there; and it does not close one at all where the other side hangs up on a
caller. Nearly every way to the end of a connection reports ``EVT_CONN_CLOSE``, so that is where it is closed
here; a caller who is answered with nonsense stops its thread before that.
Nor does it limit what a stranger makes it wait for: the rest of a message, which may have 4 GB, or an archive
that reads no further. And it sends a command and its data set one after the other, so that TCP holds the end
of the second back (Nagle's algorithm) until the first is confirmed, which the other side delays by 40 ms. The
handshake of TLS it does in the thread that takes all callers, where one who does not finish it would keep
everybody out; here it is done in the caller's own thread, and in limited time.
"""

import logging
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import partial
from socket import IPPROTO_TCP, SHUT_RDWR, TCP_NODELAY, socket
from ssl import SSLSocket
from threading import Lock
from typing import TYPE_CHECKING, Any, Final

from spondyl.dicom.node.tls import tls_trouble

if TYPE_CHECKING:
    from pynetdicom.association import Association
    from pynetdicom.events import Event

__all__ = ["Connections", "calling_handlers", "close_refused"]

logger = logging.getLogger(__name__)

_LONGEST: Final = 2**24
"""Bytes of one message of the upper layer (PDU). We ask for 16 KB; careless senders may send more."""
_HANDSHAKE_S: Final = 15
_REMIND_S: Final = 3600
_REMEMBERED: Final = 1000
"""Addresses whose trouble is told only once in ``_REMIND_S``."""


def calling_handlers() -> list[Any]:
    """Handlers of events for a caller: its socket sends at once, does not wait for ever, and is closed."""
    from pynetdicom import evt

    # EVT_CONN_OPEN never comes if nobody listens; EVT_ACSE_SENT may come after the end of the connection.
    return [(evt.EVT_CONN_OPEN, _prepare), (evt.EVT_ACSE_SENT, _prepare)]


def _prepare(event: "Event") -> None:
    from pynetdicom import evt

    wrapper = event.assoc.dul.socket
    connection = wrapper.socket if wrapper is not None else None  # once: another thread may take it away
    if connection is not None:
        event.assoc.bind(evt.EVT_CONN_CLOSE, _close, [connection])
        with suppress(OSError):  # the other side may have left
            connection.settimeout(event.assoc.network_timeout)
            connection.setsockopt(IPPROTO_TCP, TCP_NODELAY, 1)


def _close(_event: "Event", connection: socket) -> None:
    connection.close()


def close_refused(association: "Association") -> None:
    """Close the socket of a call that led to no association, as far as pynetdicom has not."""
    wrapper: Any = association.dul.socket
    connection = wrapper.socket if wrapper is not None else None  # once, as above
    if connection is not None:
        _end([connection])  # its thread may still wait for an answer, and would keep it open
        connection.close()


class Connections:
    """The open connections of a listener.

    Args:
        patience_s: So long one waits for the rest of a message.
    """

    def __init__(self, patience_s: float) -> None:
        self._patience_s = patience_s
        self._open: set[socket] = set()
        self._greeting: set[socket] = set()
        self._told: dict[tuple[str, str], float] = {}  # address and trouble -> when to tell it again
        self._telling = Lock()

    def handlers(self) -> list[Any]:
        """Handlers of events that watch over all connections."""
        from pynetdicom import evt

        return [(evt.EVT_CONN_OPEN, self._opened)]

    def hang_up(self) -> None:
        """End all connections, so that nobody waits for the rest of a message."""
        _end(self._open)

    def hang_up_strangers(self) -> None:
        """End the connections whose handshake is not finished."""
        strangers, self._greeting = self._greeting, set()
        _end(strangers)

    def _opened(self, event: "Event") -> None:
        from pynetdicom import evt

        wrapper: Any = event.assoc.dul.socket  # an acceptor has one, with a connected socket in it
        wrapper.socket.settimeout(self._patience_s)
        wrapper.recv = partial(_receive, wrapper.recv)
        self._open.add(wrapper.socket)
        event.assoc.bind(evt.EVT_CONN_CLOSE, self._ended, [wrapper.socket])
        if isinstance(wrapper.socket, SSLSocket):
            self._greet(wrapper.socket, str(event.assoc.requestor.address))

    def _greet(self, connection: SSLSocket, address: str) -> None:
        """Do the handshake of TLS; a connection without one is closed, which ends its association."""
        patience_s = connection.gettimeout()
        connection.settimeout(_HANDSHAKE_S)  # for all of it
        self._greeting.add(connection)
        try:
            connection.do_handshake()
            connection.settimeout(patience_s)
        except OSError as error:
            if connection in self._greeting:  # else it was us who ended it
                self._tell(address, tls_trouble(error))
            connection.close()
        finally:
            self._greeting.discard(connection)

    def _tell(self, address: str, trouble: str) -> None:
        """Once in a while: a monitor that looks whether the port is open calls every few seconds."""
        now = time.monotonic()
        with self._telling:
            if now < self._told.get((address, trouble), 0):
                return
            if len(self._told) >= _REMEMBERED:
                self._told.clear()
            self._told[address, trouble] = now + _REMIND_S
        logger.warning("no association with %s: it %s; told once an hour", address, trouble)

    def _ended(self, event: "Event", connection: socket) -> None:
        self._open.discard(connection)
        connection.close()
        if (
            event.assoc.requestor.primitive is None
        ):  # its thread still waits for a request, half a minute long
            waiting: Any = event.assoc.dul.to_user_queue
            waiting.put(None)


def _end(connections: Iterable[socket]) -> None:
    for connection in list(connections):
        with suppress(OSError):
            socket.shutdown(
                connection, SHUT_RDWR
            )  # an SSLSocket's own forgets TLS while another thread reads


def _receive(receive: Callable[[int], bytearray], count: int) -> bytearray:
    if count > _LONGEST:
        logger.warning("a connection is cut: it announces a message of %d bytes", count)
        raise OSError(f"a message of {count} bytes")
    return receive(count)
