"""The same series twice gives the same bytes, in every kind of file, whatever the hash seed of Python."""

import json
import os
import subprocess
import sys

import numpy as np
from series_written import Series

from readers import toy_scan, write_reader_model
from spondyl.export import FORMATS

VARIES = {"timings_s"}
"""Keys of result.json that no two runs share; documented in docs/hardening.md."""


def predict(scan, model, out, seed):
    kinds = ",".join(kind for kind in FORMATS if kind not in ("mask", "centroids"))
    command = [
        sys.executable,
        "-m",
        "spondyl",
        "predict",
        scan,
        "-o",
        out,
        "--model",
        model,
        "--outputs",
        kinds,
    ]
    environment = {**os.environ, "PYTHONHASHSEED": seed}
    return subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)


def files_in(out):
    return {
        path.relative_to(out).as_posix(): path.read_bytes()
        for path in out.rglob("*")
        if path.is_file() and path.parent != out
    }


def write_series(folder):
    """The toy scan as a DICOM series."""
    scan = toy_scan(hounsfield=True).reoriented("LPS")
    origin = np.diag([-1, -1, 1]) @ scan.grid.affine[:3, 3]
    slices = np.ascontiguousarray(scan.data.transpose(2, 1, 0))
    Series(slices, pixel_mm=(1.0, 1.0), step_mm=1.0, origin=tuple(origin)).write(folder)


def test_the_same_scan_twice_gives_the_same_bytes(tmp_path):
    """Of a series, since DICOM objects are made of series only; pages and PDF are among the kinds."""
    model = write_reader_model(tmp_path)
    write_series(tmp_path / "series")
    both = [predict(tmp_path / "series", model, tmp_path / name, seed) for name, seed in ("a1", "b2")]
    assert [program.wait() for program in both] == [0, 0]
    first, second = (files_in(tmp_path / name) for name in "ab")
    assert first.keys() == second.keys()
    assert len(first) > len(FORMATS)
    (place,) = (name for name in first if name.endswith("result.json"))
    results = [json.loads(files.pop(place)) for files in (first, second)]
    assert results[0]["files"].keys() == FORMATS.keys()
    differing = {key for key in results[0] if results[0][key] != results[1][key]}
    assert differing <= VARIES
    assert results[0]["vertebrae"]
    assert {name for name in first if first[name] != second[name]} == set()
