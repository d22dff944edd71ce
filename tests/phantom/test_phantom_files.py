"""Phantoms on disk."""

import json

import numpy as np
import pytest

from spondyl.errors import InputError
from spondyl.io import read_centroids, read_image, read_mask
from spondyl.phantom import PhantomOptions, make_phantom, write_phantoms

TINY = PhantomOptions(
    levels=("L1", "L2"), field_of_view_mm=(80, 90, 80), spacing_mm=(2, 2, 3), orientation="LPS"
)


def test_files_hold_what_was_made(tmp_path):
    seen = []
    images = write_phantoms(tmp_path, 2, 5, TINY, progress=lambda done, n: seen.append((done, n)))
    assert seen == [(1, 2), (2, 2)]
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted(
        f"phantom_5_000{i}{end}"
        for i in (1, 2)
        for end in (".json", ".lml", ".nii.gz", "_seg-vert_msk.nii.gz")
    )
    made = make_phantom(500_002, TINY)
    image = read_image(images[1])
    assert image.grid.is_close(made.image.grid)
    assert np.array_equal(image.data, made.image.data)
    spine = read_centroids(tmp_path / "phantom_5_0002.lml", image.grid)
    assert spine.names == made.spine.names
    assert np.allclose(spine.centroids_mm, made.spine.centroids_mm, atol=1e-3)
    assert np.array_equal(
        read_mask(tmp_path / "phantom_5_0002_seg-vert_msk.nii.gz").data, made.spine.mask.data
    )
    truth = json.loads((tmp_path / "phantom_5_0002.json").read_text())
    assert truth["vertebrae"]["L1"]["heights_mm"] == made.truth["vertebrae"]["L1"]["heights_mm"]


def test_a_longer_run_starts_with_the_same_phantoms(tmp_path):
    short = write_phantoms(tmp_path / "short", 1, 2, TINY)
    long = write_phantoms(tmp_path / "long", 2, 2, TINY)
    assert np.array_equal(read_image(short[0]).data, read_image(long[0]).data)
    assert not np.array_equal(read_image(long[0]).data, read_image(long[1]).data)


def test_no_phantoms_is_an_error(tmp_path):
    with pytest.raises(InputError):
        write_phantoms(tmp_path, 0)
