"""Damage DICOM element by element: other values, other types, lengths that lie, elements twice or not at all.

    python fuzz/dicom_elements.py [--seconds 120] [--seed 1]

Random bytes seldom get past the parser of DICOM; this does. Each finding is told once and kept as a file.
"""

import argparse
import logging
import random
import tempfile
import time
import traceback
import warnings
from pathlib import Path

from dicom_slices import slices
from every_reader import READERS
from spondyl.errors import SpondylError

VALUES = (
    b"", b"\0", b"nan", b"inf", b"-1 ", b"0 ", b"1e999 ", b"1e-320", b"-0.0", b"\\\\", b"1\\2 ", b"\\" * 1000,
    b"1e308\\1e308 ", b"1\\0\\0\\0\\1\\0 ", b"99999999999999999999", b"\xff\xff", b"\xff" * 4, b"\0\0\1\0",
    b"A" * 64,
    b"\xc3\x28", b"ISO_IR 192", b"ISO 2022 IR 87", b"1.2.840.10008.1.2.4.80", b"1.2.840.10008.1.2.4.90",
    b"1.2.840.10008.1.2.5\0", b"1.2.840.10008.1.2.1.99", b"1.2.840.10008.1.2.2", b"1.2.840.10008.1.2\0",
    b"1.2.840.10008.5.1.4.1.1.2.1",
)  # fmt: skip
TYPES = (b"DS", b"UI", b"US", b"SQ", b"FD", b"LO", b"AT")
LONG = (b"OB", b"OW", b"SQ", b"UN", b"UT")
"""Types whose length takes four bytes, two bytes further on."""


def elements(content: bytes) -> list[tuple[int, int, int]]:
    """Place, header and length of each element of a file in explicit little endian."""
    place, found = 132, []
    while place + 8 <= len(content):
        head, size = (12, 4) if content[place + 4 : place + 6] in LONG else (8, 2)
        length = int.from_bytes(content[place + head - size : place + head], "little")
        found.append((place, head, length))
        place += head + length
    return found


def damaged(content: bytes, rng: random.Random) -> bytes:
    """One to three elements changed, from the last to the first."""
    new = bytearray(content)
    for place, head, length in sorted(
        rng.sample(elements(content), rng.choice((1, 1, 1, 2, 3))), reverse=True
    ):
        whole = slice(place, place + head + length)
        kind = rng.choice(("value",) * 5 + ("gone", "twice", "byte", "length"))
        if kind == "value":
            value = rng.choice(VALUES)
            value += b" " * (len(value) % 2)
            name = bytes(new[place + 4 : place + 6]) if rng.random() < 0.8 else rng.choice(TYPES)
            size = (
                b"\0\0" + len(value).to_bytes(4, "little")
                if name in LONG
                else len(value).to_bytes(2, "little")
            )
            new[whole] = bytes(new[place : place + 4]) + name + size + value
        elif kind == "gone":
            del new[whole]
        elif kind == "twice":
            new[place:place] = new[whole]
        elif kind == "byte":
            new[place + rng.randrange(head + max(length, 1))] = rng.randrange(256)
        else:
            at = place + (8 if head == 12 else 6)  # long kinds have two empty bytes first
            new[at : at + 2] = rng.choice((b"\xff\xff", b"\0\0", b"\1\0", b"\xff\x7f"))
    return bytes(new[: rng.randrange(len(new))] if rng.random() < 0.1 else new)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=120)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")
    warnings.simplefilter("error", RuntimeWarning)
    rng, good, count, found = random.Random(options.seed), slices()[0], 0, set()
    end = time.monotonic() + options.seconds
    with tempfile.TemporaryDirectory() as folder:
        while time.monotonic() < end:
            content, count = damaged(good, rng), count + 1
            try:
                READERS["dicom"].run(content, Path(folder))
            except SpondylError:
                pass
            except Exception as error:
                told = "".join(traceback.format_exception(error)[-3:])
                if told not in found:
                    found.add(told)
                    Path(f"dicom-{len(found)}.crash").write_bytes(content)
                    print(told)
    print(f"{count} files, {len(found)} findings")


if __name__ == "__main__":
    main()
