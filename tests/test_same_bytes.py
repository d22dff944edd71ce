"""The same scan twice gives the same bytes, in every kind of file, whatever the hash seed of Python."""

import json
import os
import subprocess
import sys

from readers import toy_scan, write_reader_model
from spondyl.export import FORMATS
from spondyl.io import write_image

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
    subprocess.run(command, env=environment, check=True, capture_output=True)
    return {
        path.relative_to(out).as_posix(): path.read_bytes()
        for path in out.rglob("*")
        if path.is_file() and "scan" in path.parts
    }


def test_the_same_scan_twice_gives_the_same_bytes(tmp_path):
    model = write_reader_model(tmp_path)
    write_image(toy_scan(hounsfield=True), tmp_path / "scan.nii.gz")
    first, second = (
        predict(tmp_path / "scan.nii.gz", model, tmp_path / name, seed)
        for name, seed in (("a", "1"), ("b", "2"))
    )
    assert first.keys() == second.keys()
    assert len(first) > len(FORMATS)
    results = [json.loads(files.pop("scan/result.json")) for files in (first, second)]
    differing = {key for key in results[0] if results[0][key] != results[1][key]}
    assert differing <= VARIES
    assert results[0]["vertebrae"]
    assert {name for name in first if first[name] != second[name]} == set()
