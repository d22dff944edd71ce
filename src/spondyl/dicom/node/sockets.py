"""Sockets under pynetdicom: closed in time, none waits or reads without end, and what is sent goes at once.

pynetdicom 3.0 closes a socket only if it can be shut down first, which fails when the other side has reset
the connection or was never there; and it does not close one at all where the other side hangs up on a
caller. Every way to the end of a connection reports ``EVT_CONN_CLOSE``, so that is where it is closed here.
Nor does it limit what a stranger makes it wait for: the rest of a message, which may have 4 GB. And it sends
a command and its data set one after the other, so that TCP holds the end of the second back (Nagle's
algorithm) until the first is confirmed, which the other side delays by 40 ms.
"""

import logging
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from socket import IPPROTO_TCP, SHUT_RDWR, TCP_NODELAY, socket
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from pynetdicom.events import Event

__all__ = ["Connections", "calling_handlers"]

logger = logging.getLogger(__name__)

_LONGEST: Final = 2**24
"""Bytes of one message of the upper layer (PDU). We ask for 16 KB; careless senders may send more."""


def calling_handlers() -> list[Any]:
    """Handlers of events for a caller: its socket sends at once, and is closed at the end."""
    from pynetdicom import evt

    # EVT_CONN_OPEN never comes if nobody listens; EVT_ACSE_SENT may come after the end of the connection.
    return [(evt.EVT_CONN_OPEN, _prepare), (evt.EVT_ACSE_SENT, _prepare)]


def _prepare(event: "Event") -> None:
    from pynetdicom import evt

    wrapper = event.assoc.dul.socket
    if wrapper is not None and wrapper.socket is not None:
        event.assoc.bind(evt.EVT_CONN_CLOSE, _close, [wrapper.socket])
        wrapper.socket.settimeout(event.assoc.network_timeout)
        with suppress(OSError):  # the other side may have left
            wrapper.socket.setsockopt(IPPROTO_TCP, TCP_NODELAY, 1)


def _close(_event: "Event", connection: socket) -> None:
    connection.close()


class Connections:
    """The open connections of a listener.

    Args:
        patience_s: So long one waits for the rest of a message.
    """

    def __init__(self, patience_s: float) -> None:
        self._patience_s = patience_s
        self._open: set[socket] = set()

    def handlers(self) -> list[Any]:
        """Handlers of events that watch over all connections."""
        from pynetdicom import evt

        return [(evt.EVT_CONN_OPEN, self._opened)]

    def hang_up(self) -> None:
        """End all connections, so that nobody waits for the rest of a message."""
        for connection in list(self._open):
            with suppress(OSError):
                connection.shutdown(SHUT_RDWR)

    def _opened(self, event: "Event") -> None:
        from pynetdicom import evt

        wrapper: Any = event.assoc.dul.socket  # an acceptor has one, with a connected socket in it
        wrapper.socket.settimeout(self._patience_s)
        wrapper.recv = partial(_receive, wrapper.recv)
        self._open.add(wrapper.socket)
        event.assoc.bind(evt.EVT_CONN_CLOSE, self._ended, [wrapper.socket])

    def _ended(self, event: "Event", connection: socket) -> None:
        self._open.discard(connection)
        connection.close()
        if (
            event.assoc.requestor.primitive is None
        ):  # its thread still waits for a request, half a minute long
            waiting: Any = event.assoc.dul.to_user_queue
            waiting.put(None)


def _receive(receive: Callable[[int], bytearray], count: int) -> bytearray:
    if count > _LONGEST:
        logger.warning("a connection is cut: it announces a message of %d bytes", count)
        raise OSError(f"a message of {count} bytes")
    return receive(count)
