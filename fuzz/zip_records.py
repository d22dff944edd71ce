"""Damage zip archives field by field: the directory, the headers of members, the end."""

import random

__all__ = ["damaged"]

WIDTHS = {
    b"PK\1\2": (2, 2, 2, 2, 2, 2, 4, 4, 4, 2, 2, 2, 2, 2, 4, 4),
    b"PK\3\4": (2, 2, 2, 2, 2, 4, 4, 4, 2, 2),
    b"PK\5\6": (2, 2, 2, 2, 4, 4, 2),
    b"PK\7\x08": (4, 4, 4),
}
"""Bytes of the fields behind each signature (APPNOTE 4.3)."""

NUMBERS = (0, 1, 8, 9, 12, 14, 93, 95, 0x7F, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFE, 0xFFFFFFFF)
"""Lengths, flags, and methods of compression that exist."""


def damaged(content: bytes, rng: random.Random) -> bytes:
    """One to three fields or records changed."""
    new = bytearray(content)
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        places = [at for name in WIDTHS for at in _found(new, name)]
        if not places:
            break
        at = rng.choice(places)
        widths = WIDTHS[bytes(new[at : at + 4])]
        kind = rng.choice(("field",) * 6 + ("name", "noise", "noise", "gone", "twice"))
        size = 4 + sum(widths)
        if kind == "field":
            which = rng.randrange(len(widths))
            start = at + 4 + sum(widths[:which])
            number = rng.choice((*NUMBERS, rng.randrange(1 << 8 * widths[which])))
            new[start : start + widths[which]] = (number % (1 << 8 * widths[which])).to_bytes(
                widths[which], "little"
            )
        elif kind == "name":
            new[at + size : at + size + 8] = rng.choice(
                (b"../../..", b"\0\0\0\0\0\0\0\0", b"\xff\xfe\x80ab/..", b"C:\\a\\b/c")
            )
        elif kind == "noise":
            for _ in range(8):
                new[min(at + rng.randrange(600), len(new) - 1)] = rng.randrange(256)
        elif kind == "gone":
            del new[at : at + size]
        else:
            new[at:at] = new[at : at + size + 12]
    return bytes(new[: rng.randrange(len(new))] if rng.random() < 0.1 else new)


def _found(content: bytearray, name: bytes) -> list[int]:
    places, at = [], content.find(name)
    while at >= 0:
        places.append(at)
        at = content.find(name, at + 1)
    return places
