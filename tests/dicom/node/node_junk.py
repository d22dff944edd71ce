"""Everything that should not be sent to a node: strangers' bytes, and C-STORE of what is no CT."""

import random
import socket
import struct

from node_fakes import anything_goes, make_slices
from node_pacs import announce, calling
from pydicom.uid import generate_uid
from pynetdicom import build_context
from pynetdicom.dsutils import encode

_PER_ASSOCIATION = 50


def throw_junk(port: int, count: int, seed: int = 0) -> int:
    """Send pieces of junk, a third without an association; gives how many of the others were refused."""
    rng = random.Random(seed)
    for number in range(count // 3):
        _strange_bytes(port, number, rng)
    rest, refused = count - count // 3, 0
    while rest > 0:
        part = min(rest, _PER_ASSOCIATION)
        refused += _bad_objects(port, part, rng)
        rest -= part
    return refused


def _strange_bytes(port: int, number: int, rng: random.Random) -> None:
    words = (
        rng.randbytes(rng.randrange(1, 5000)),
        b"GET / HTTP/1.1\r\nHost: node\r\n\r\n",
        b"\x01\x00\xff\xff\xff\xff" + bytes(1000),  # a request of 4 GB begins
        b"\x01\x00\x00\x00\x10\x00" + bytes(50),  # a request, of which 4000 bytes are missing
        b"\x04\x00\x00\x00\x00\x10" + rng.randbytes(16),  # data before any request
        b"",
    )[number % 6]
    with socket.create_connection(("127.0.0.1", port)) as connection:
        if number % 2:  # reset, not closed
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.sendall(words)


def _bad_objects(port: int, count: int, rng: random.Random) -> int:
    (good,) = make_slices(1, rows=64)
    refused = 0
    with calling(port) as association, anything_goes():
        for number in range(count):
            match number % 5:
                case 0:
                    answer = announce(association, good, raw=rng.randbytes(rng.randrange(1, 20_000)))
                case 1:  # cut before its UIDs
                    answer = announce(association, good, raw=encode(good, False, True)[:40])
                case 2:
                    answer = announce(association, good, uid=generate_uid())
                case 3:
                    answer = announce(association, _with(good, StudyInstanceUID="../../etc"))
                case _:
                    answer = announce(association, _with(good, StudyInstanceUID=""))
            refused += answer.Status >= 0xA000
    with calling(port, contexts=[build_context("1.2.840.10008.5.1.4.1.1.4")]) as association:  # MR
        assert not association.is_established
    with calling(port) as association:  # half an object, then nothing
        association.dul.socket.socket.sendall(
            b"\x04\x00\x00\x00\x40\x00\x00\x00\x3f\xfc\x01\x02" + bytes(500)
        )
        association.abort()
    return refused


def _with(slice_, **values):
    copy = slice_.copy()
    for name, value in values.items():
        delattr(copy, name)  # an element that is there validates what it is given
        setattr(copy, name, value)
    return copy
