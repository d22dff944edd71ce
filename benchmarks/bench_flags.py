"""How often flags are raised, and raised wrongly, on real scans: the counts of docs/results.md.

``python benchmarks/bench_flags.py DATASET... --keep FOLDER`` predicts every scan as it is and damaged in
known ways, and counts flags. With ``--keep`` what each scan gave is kept there, so that the run can be made
in pieces; ``--most 5`` stops after five new predictions.
"""

import argparse
import json
import sys
from collections import Counter
from pathlib import Path

import numpy as np

from spondyl.datasets import find_cases
from spondyl.inference import load_pipeline
from spondyl.quality.codes import CODES, Severity
from spondyl.volume import Volume

MOVE_MM = 8.0


def flipped(volume, axis):
    """Stored with one axis of the patient reversed, though the header says nothing of it."""
    upright = volume.reoriented("RAS")
    return Volume(np.ascontiguousarray(np.flip(upright.data, axis)), upright.grid)


def moved(volume):
    """The upper half moved to the front."""
    upright = volume.reoriented("RAS")
    data, middle = upright.data.copy(), upright.grid.shape[2] // 2
    steps = round(MOVE_MM / upright.grid.spacing_mm[1])
    data[:, :, middle:] = np.roll(data[:, :, middle:], steps, 1)
    return Volume(data, upright.grid)


DAMAGES = {
    "as it is": lambda volume: volume,
    "upside down": lambda volume: flipped(volume, 2),
    "front and back swapped": lambda volume: flipped(volume, 1),
    f"one half moved by {MOVE_MM:.0f} mm": moved,
}


def flags_of(spine):
    """Codes of the scan and of its vertebrae, each once."""
    return sorted({flag.code for flag in spine.flags} | {flag.code for v in spine for flag in v.flags})


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("datasets", nargs="+", type=Path)
    parser.add_argument("--keep", type=Path)
    parser.add_argument("--damages", nargs="+", choices=DAMAGES, default=list(DAMAGES))
    parser.add_argument("--most", type=int, default=10**6)
    arguments = parser.parse_args()
    kept = arguments.keep / "flags.json" if arguments.keep else None
    found = json.loads(kept.read_text()) if kept and kept.exists() else {}
    pipeline, new = load_pipeline(threads=1, measurements=False), 0
    for case in (case for dataset in arguments.datasets for case in find_cases(dataset)):
        for damage in arguments.damages:
            if f"{case.name}: {damage}" in found or new >= arguments.most:
                continue
            codes = flags_of(pipeline(DAMAGES[damage](case.load_image())))
            found[f"{case.name}: {damage}"], new = codes, new + 1
            print(case.name, damage, *codes, file=sys.stderr, flush=True)
            if kept:
                kept.parent.mkdir(parents=True, exist_ok=True)
                kept.write_text(json.dumps(found, indent=1))
    report(found)


def report(found):
    """A column per damage, a row per code."""
    counts = {damage: Counter() for damage in DAMAGES}
    for name, codes in found.items():
        calm = not any(CODES[code].severity is Severity.CHECK for code in codes)
        counts[name.split(": ")[1]].update(["scans", *codes, *(["nothing to check"] if calm else [])])
    codes = sorted({code for count in counts.values() for code in count} - {"scans", "nothing to check"})
    print("| flag |" + "".join(f" {damage} |" for damage in DAMAGES))
    print("| --- |" + " ---: |" * len(DAMAGES))
    for code in ["scans", *codes, "nothing to check"]:
        print(f"| {code} |" + "".join(f" {counts[damage][code]} |" for damage in DAMAGES))


if __name__ == "__main__":
    main()
