"""Sample files: found in order, and every kind of damage named."""

import numpy as np
import pytest

from spondyl.errors import SampleError
from spondyl.samples import find_samples, write_sample


def _write(folder, name, shape=(2, 3)):
    return write_sample(folder, name, np.zeros(shape, np.float32), np.zeros(shape, np.uint8))


def test_sorted_by_scan_and_number(tmp_path):
    for name in ("b-1", "a-10", "a-2", "a-b-1"):
        _write(tmp_path / "new", name)
    pairs = find_samples(tmp_path / "new", (2, 3), (2, 3))
    assert [p.name for p in pairs] == ["a-2", "a-10", "a-b-1", "b-1"]
    assert [p.scan for p in pairs] == ["a", "a", "a-b", "b"]


def _truncate(path):
    path.write_bytes(path.read_bytes()[:-4])


def _pickle(path):
    np.save(path, np.array([{}], dtype=object), allow_pickle=True)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda f: (f / "a-1-sample.npy").unlink(), "a-1-sample.npy: missing, its other half is there"),
        (lambda f: (f / "a-1-labelling.npy").unlink(), "a-1-labelling.npy: missing"),
        (lambda f: _truncate(f / "a-1-sample.npy"), "a-1-sample.npy: damaged"),
        (lambda f: (f / "a-1-labelling.npy").write_bytes(b""), "a-1-labelling.npy: damaged"),
        (lambda f: _pickle(f / "a-1-sample.npy"), "a-1-sample.npy: damaged"),
        (lambda f: _write(f, "a-1", (2, 4)), r"of shape \(2, 3\) expected, found float32 of shape \(2, 4\)"),
        (lambda f: np.save(f / "a-1-labelling.npy", np.zeros((2, 3))), "uint8 of shape .* found float64"),
    ],
)
def test_damage_is_named(tmp_path, damage, message):
    _write(tmp_path, "a-1")
    damage(tmp_path)
    with pytest.raises(SampleError, match=message):
        find_samples(tmp_path, (2, 3), (2, 3))


def test_no_folder_and_no_samples(tmp_path):
    with pytest.raises(SampleError, match="no such folder"):
        find_samples(tmp_path / "x", (1,), (1,))
    with pytest.raises(SampleError, match="no samples"):
        find_samples(tmp_path, (1,), (1,))
