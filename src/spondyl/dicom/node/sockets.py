"""Sockets that pynetdicom leaves to the garbage collector, closed in time.

pynetdicom 3.0 closes a socket only if it can be shut down first, which fails when the other side has reset
the connection or was never there; and it does not close one at all where the other side hangs up on a
caller. Every way to the end of a connection reports ``EVT_CONN_CLOSE``, so that is where it is closed here.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from socket import socket

    from pynetdicom.events import Event

__all__ = ["closing_handlers"]


def closing_handlers() -> list[Any]:
    """Handlers of events that close the socket of each association, called or calling, at its end."""
    from pynetdicom import evt

    # A caller's socket exists before it is connected, and EVT_CONN_OPEN never comes if nobody listens.
    return [(evt.EVT_CONN_OPEN, _close_at_its_end), (evt.EVT_ACSE_SENT, _close_at_its_end)]


def _close_at_its_end(event: "Event") -> None:
    from pynetdicom import evt

    wrapper = event.assoc.dul.socket
    if wrapper is not None and wrapper.socket is not None:
        event.assoc.bind(evt.EVT_CONN_CLOSE, _close, [wrapper.socket])


def _close(_event: "Event", connection: "socket") -> None:
    connection.close()
