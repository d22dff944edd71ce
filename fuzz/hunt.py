"""Feed a reader with files damaged part by part, in processes of their own, which decoders may crash.

    python fuzz/hunt.py enhanced [--seconds 240] [--seed 1]

A finding is anything but a result or a SpondylError, over ten seconds, or over a gigabyte; each is told once
and kept as a file.
"""

import argparse
import faulthandler
import json
import logging
import os
import random
import resource
import signal
import sys
import tempfile
import time
import traceback
import warnings
from pathlib import Path

import dicom_elements
import zip_records
from every_reader import READERS, Reader
from spondyl.errors import SpondylError


def _noisy(content: bytes, rng: random.Random) -> bytes:
    """A few bytes changed, put in or taken out, mostly near the start, where the headers are."""
    new = bytearray(content)
    for _ in range(rng.choice((1, 1, 2, 4, 16))):
        at = min(int(len(new) * rng.random() ** rng.choice((1, 3))), len(new) - 1)
        byte = rng.choice((0, 1, 0x7F, 0x80, 0xFF, rng.randrange(256)))
        new[at : at + rng.choice((1, 1, 1, 1, 1, 0, 2))] = bytes([byte])
    return bytes(new[: rng.randrange(len(new))] if rng.random() < 0.1 else new)


DAMAGE = {
    "codestream": _noisy,
    "dicom": dicom_elements.damaged,
    "compressed": dicom_elements.damaged,
    "deflated": dicom_elements.damaged,
    "dicomdir": dicom_elements.damaged,
    "enhanced": dicom_elements.damaged,
    "zip": zip_records.damaged,
}
"""Reader to what damages its seeds."""

BATCH = 20
SECONDS = 10
"""Of a processor; of a clock, six times as many."""

MEMORY_KB = 1 << 20


def hunt(name: str, seconds: int, seed: int) -> None:
    """Damage files and read them until the time is over.

    Args:
        name: Of the reader; findings are written to ``NAME-1.crash`` and so on.
        seconds: How long.
        seed: Of the chance.
    """
    seeds = READERS[name].seeds()
    rng, count, found = random.Random(seed), 0, set[str]()
    end = time.monotonic() + seconds
    with tempfile.TemporaryDirectory() as folder:
        while time.monotonic() < end:
            contents = [DAMAGE[name](rng.choice(seeds), rng) for _ in range(BATCH)]
            start = 0
            while start < BATCH:
                start, findings = _run(READERS[name], contents, start, Path(folder))
                for place, told in findings:
                    if told not in found:
                        found.add(told)
                        Path(f"{name}-{len(found)}.crash").write_bytes(contents[place])
                        print(f"{name}-{len(found)}.crash\n{told}", flush=True)
            count += BATCH
    print(f"{name}: {count} files, {len(found)} findings")


def _run(
    reader: Reader, contents: list[bytes], start: int, folder: Path
) -> tuple[int, list[tuple[int, str]]]:
    """Read files in a process until it ends; the first file that is left, and findings by place."""
    outlet, inlet = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(outlet)
        _child(reader, contents, start, folder, inlet)
    os.close(inlet)
    place, findings = start - 1, []
    with os.fdopen(outlet) as lines:
        for line in lines:
            place, told = json.loads(line)
            if told:
                findings.append((place, told))
    _, status = os.waitpid(child, 0)
    if status == 0:
        return len(contents), findings
    reason = signal.Signals(os.WTERMSIG(status)).name if os.WIFSIGNALED(status) else f"{6 * SECONDS} seconds"
    return place + 1, [*findings, (place, f"the process ended: {reason}, at {contents[place][:4].hex()}")]


def _child(reader: Reader, contents: list[bytes], start: int, folder: Path, inlet: int) -> None:
    """Tell the place of each file before it is read, and afterwards what came out if that is a finding."""
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")
    warnings.simplefilter("error", RuntimeWarning)
    faulthandler.enable()
    for place in range(start, len(contents)):
        os.write(inlet, json.dumps([place, ""]).encode() + b"\n")
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        faulthandler.dump_traceback_later(6 * SECONDS, exit=True)
        signal.setitimer(signal.ITIMER_PROF, SECONDS)
        told = ""
        try:
            reader.run(contents[place], folder)
        except SpondylError:
            pass
        except BaseException as error:
            told = "".join(traceback.format_exception(error)[-3:])
        signal.setitimer(signal.ITIMER_PROF, 0)
        faulthandler.cancel_dump_traceback_later()
        if resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before > MEMORY_KB:
            told = "over a gigabyte"
        if told:
            os.write(inlet, json.dumps([place, told]).encode() + b"\n")
    sys.stdout.flush()
    os._exit(0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("reader", choices=DAMAGE)
    parser.add_argument("--seconds", type=int, default=240)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    hunt(options.reader, options.seconds, options.seed)


if __name__ == "__main__":
    main()
