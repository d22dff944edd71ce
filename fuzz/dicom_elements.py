"""Damage DICOM element by element: other values, other types, lengths that lie, elements twice or not at all.

Random bytes seldom get past the parser of DICOM; this does. Functional groups, records of a DICOMDIR,
fragments of compressed pixels and tables of their offsets count as elements, too.
"""

import random

__all__ = ["damaged"]

VALUES = (
    b"", b"\0", b"nan", b"inf", b"-1 ", b"0 ", b"1e999 ", b"1e-320", b"-0.0", b"\\\\", b"1\\2 ", b"\\" * 1000,
    b"1e308\\1e308 ", b"1\\0\\0\\0\\1\\0 ", b"99999999999999999999", b"\xff\xff", b"\xff" * 4, b"\0\0\1\0",
    b"A" * 64,
    b"\xc3\x28", b"ISO_IR 192", b"ISO 2022 IR 87", b"1.2.840.10008.1.2.4.80", b"1.2.840.10008.1.2.4.90",
    b"1.2.840.10008.1.2.5\0", b"1.2.840.10008.1.2.1.99", b"1.2.840.10008.1.2.2", b"1.2.840.10008.1.2\0",
    b"1.2.840.10008.5.1.4.1.1.2.1",
)  # fmt: skip
TYPES = (b"DS", b"UI", b"US", b"SQ", b"FD", b"LO", b"AT")
LONG = (b"OB", b"OW", b"OV", b"SQ", b"UN", b"UT")
"""Types whose length takes four bytes, two bytes further on."""

PIXELS, ITEM = b"\xe0\x7f\x10\0", b"\xfe\xff"
UNDEFINED = 0xFFFFFFFF
PLACE, HEAD, LENGTH = range(3)


def damaged(content: bytes, rng: random.Random) -> bytes:
    """One to three elements changed, from the last to the first."""
    new = bytearray(content)
    for place, head, length in sorted(_drawn(content, rng), reverse=True):
        whole = slice(place, place + head + length)
        kind = rng.choice(("value",) * 5 + ("gone", "twice", "byte", "length") + ("noise",) * 3)
        if kind == "value":
            new[whole] = _other(bytes(new[whole]), rng)
        elif kind == "gone":
            del new[whole]
        elif kind == "twice":
            new[place:place] = new[whole]
        elif kind == "byte":
            new[place + rng.randrange(head + length)] = rng.randrange(256)
        elif kind == "noise":
            for _ in range(rng.choice((1, 2, 8))):
                at = place + (head + rng.randrange(length) if length else rng.randrange(head))
                new[at] = rng.choice((0, 1, 0x7F, 0x80, 0xFF, rng.randrange(256)))
        else:
            at = place + (8 if head == 12 else 6 if new[place : place + 2] != ITEM else 4)
            new[at : at + 2] = rng.choice((b"\xff\xff", b"\0\0", b"\1\0", b"\xff\x7f"))
    return bytes(new[: rng.randrange(len(new))] if rng.random() < 0.1 else new)


def elements(content: bytes) -> list[tuple[int, int, int]]:
    """Place, header and length of each element of a file in explicit little endian, nested ones included.

    What opens or closes a sequence has the length 0; in compressed pixels, each fragment is an element.
    """
    place, found, fragments = 132, [], False
    while place + 8 <= len(content):
        if content[place : place + 2] == ITEM:
            head, size = 8, 4
        else:
            head, size = (12, 4) if content[place + 4 : place + 6] in LONG else (8, 2)
        length = int.from_bytes(content[place + head - size : place + head], "little")
        if content[place : place + 4] == PIXELS:
            fragments = length == UNDEFINED
        opens = content[place + 4 : place + 6] == b"SQ" or (head == 8 and size == 4 and not fragments)
        length = 0 if opens or length == UNDEFINED else length
        found.append((place, head, length))
        place += head + length
    return found


def _drawn(content: bytes, rng: random.Random) -> list[tuple[int, int, int]]:
    """The elements to change; mostly fragments where pixels are compressed."""
    every = elements(content)
    start = next((place for place, _, _ in every if content[place : place + 4] == PIXELS), len(content))
    fragments = [one for one in every if one[PLACE] > start]
    some = fragments if fragments and rng.random() < 0.6 else every
    return rng.sample(some, min(rng.choice((1, 1, 1, 2, 3)), len(some)))


def _other(element: bytes, rng: random.Random) -> bytes:
    """An element with another value and sometimes another type."""
    value = rng.choice(VALUES)
    value += b" " * (len(value) % 2)
    if element[:2] == ITEM:
        return element[:4] + len(value).to_bytes(4, "little") + value
    name = element[4:6] if rng.random() < 0.8 else rng.choice(TYPES)
    size = b"\0\0" + len(value).to_bytes(4, "little") if name in LONG else len(value).to_bytes(2, "little")
    return element[:4] + name + size + value
