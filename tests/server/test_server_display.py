"""What a browser gets of a scan that is too large for it."""

import numpy as np
import pytest

from spondyl import read_image, read_mask
from spondyl.outputs import write_outputs
from spondyl.server.display import factors_of, reduced, write_display_image, write_display_mask
from spondyl.server.layout import CaseFiles
from spondyl.spine import Spine, Vertebra
from spondyl.volume import Grid, Volume


@pytest.mark.parametrize(
    ("shape", "spacing", "most", "factors"),
    [
        ((512, 512, 300), (0.8, 0.8, 1.0), 100_000_000, (1, 1, 1)),
        ((512, 512, 1000), (0.8, 0.8, 0.8), 100_000_000, (2, 2, 1)),
        ((512, 512, 1000), (0.8, 0.8, 0.5), 100_000_000, (2, 1, 2)),
        ((512, 512, 400), (0.9, 0.9, 0.3), 100_000_000, (1, 1, 2)),
        ((5000, 20, 20), (1, 1, 1), 100_000_000, (4, 1, 1)),  # more than a texture can hold
        ((3, 3, 3000), (1, 1, 1), 1000, (2, 2, 4)),
    ],
)
def test_the_finest_axes_are_halved_first(shape, spacing, most, factors):
    assert factors_of(Grid.from_spacing(shape, spacing, "LPS"), most) == factors
    left = [n // f for n, f in zip(shape, factors, strict=True)]
    assert np.prod(left) <= most
    assert min(left) >= 1


def test_blocks_become_their_mean_where_they_are():
    grid = Grid.from_spacing((7, 6, 5), (1, 2, 3), "LAS")
    ramp = grid.to_world(np.stack(np.meshgrid(*map(np.arange, grid.shape), indexing="ij"), -1)) @ (100, 10, 1)
    small = reduced(Volume(ramp.astype(np.float32), grid), (2, 2, 1))
    assert small.grid.shape == (3, 3, 5)
    assert small.data.dtype == np.int16
    places = small.grid.to_world(np.stack(np.meshgrid(*map(np.arange, small.grid.shape), indexing="ij"), -1))
    np.testing.assert_allclose(small.data, np.rint(places @ (100, 10, 1)), atol=0.51)


def test_values_beyond_int16_are_clipped():
    grid = Grid.from_spacing((4, 4, 4), (1, 1, 1))
    data = np.full(grid.shape, 70_000, np.float32)
    assert reduced(Volume(data, grid), (1, 1, 1)).data.max() == 32767


def test_mask_and_image_of_a_large_scan_share_the_smaller_grid(tmp_path):
    grid = Grid.from_spacing((40, 40, 20), (0.5, 0.5, 1), "LPS")
    labels = np.zeros(grid.shape, np.uint8)
    labels[12:28, 8:20, 4:12] = 20
    volume = Volume(np.where(labels > 0, 400, -1000).astype(np.int16), grid)
    spine = Spine((Vertebra(20, tuple(grid.to_world((19.5, 13.5, 7.5)))),), Volume(labels, grid))
    files = CaseFiles(tmp_path)
    result = write_outputs(spine, volume, files.result, preview=False)
    for most, shape in ((8000, (20, 20, 20)), (40_000, (40, 40, 20))):
        write_display_image(volume, files, most)
        write_display_mask(files, result, most)
        image, mask = read_image(files.image), read_mask(files.mask)
        assert image.grid.shape == shape
        assert mask.grid.is_close(image.grid)
        np.testing.assert_array_equal(mask.data == 20, image.data > -300)


def test_without_a_mask_an_empty_one(tmp_path):
    grid = Grid.from_spacing((6, 6, 6), (1, 1, 1))
    volume = Volume(np.arange(216, dtype=np.int16).reshape(6, 6, 6), grid)
    result = write_outputs(Spine(), volume, tmp_path / "result", preview=False)
    write_display_mask(CaseFiles(tmp_path), result, 1000)
    mask = read_mask(CaseFiles(tmp_path).mask)
    assert mask.grid.is_close(grid)
    assert not mask.data.any()
