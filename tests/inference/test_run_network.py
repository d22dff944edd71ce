"""Large boxes are seen in stretches, and the answer is that of one look."""

import numpy as np
import pytest
from scipy import ndimage

from spondyl.inference import run
from spondyl.inference.engines import load_engine
from spondyl.models import default_model_folder, read_model
from spondyl.recipes.spondyl import SpondylRecipe
from spondyl.volume import Grid, Volume

RECIPE = SpondylRecipe()


def scan(shape=(15, 14, 250), spacing_mm=4.5):
    hu = np.random.default_rng(0).integers(-1000, 1500, shape).astype(np.int16)
    return Volume(hu, Grid.from_spacing(shape, (spacing_mm,) * 3))


def both(monkeypatch, network, most, stride=8):
    """Outputs of one look, and of stretches of at most so many voxels."""
    volume = scan()
    whole, grid = run.run_network(volume, volume.grid, network, RECIPE, stride)
    monkeypatch.setattr(run, "_MOST_VOX", most)
    parts, same_grid = run.run_network(volume, volume.grid, network, RECIPE, stride)
    assert grid.is_close(same_grid)
    return whole, parts


@pytest.mark.parametrize("slices", [40, 64, 100, 200])
def test_stretches_fit_together(monkeypatch, slices):
    """A network that looks five voxels far, and one of whose answers is coarser."""
    seen = []

    def network(x):
        seen.append(x.shape[4])
        fine = ndimage.uniform_filter(x[0], (1, 11, 11, 11))[None]
        return fine, np.ascontiguousarray(fine[..., ::2, ::2, ::2])

    whole, parts = both(monkeypatch, network, 16 * 16 * slices)
    assert seen[0] == 256
    assert len(seen) > 2
    assert max(seen[1:]) <= slices + 8  # sides are multiples of the stride
    for one, other in zip(whole, parts, strict=True):
        inner = slice(5, -5)  # at the ends the filter mirrors
        np.testing.assert_allclose(one[..., inner], other[..., inner], atol=1e-6)


def test_the_detection_stage_answers_alike(monkeypatch):
    engine = load_engine(read_model(default_model_folder()), "detection", threads=1)
    (whole,), (parts,) = both(monkeypatch, engine.run, 16 * 16 * 200)
    np.testing.assert_allclose(whole, parts, atol=2e-4)
    assert np.ptp(whole) > 1


def test_channels_are_windows_of_hu():
    volume = scan((16, 16, 16))

    def network(x):
        for channel, (low, high) in zip(x[0], RECIPE.hu_windows, strict=True):
            np.testing.assert_allclose(channel, np.clip((volume.data - low) / (high - low), 0, 1), atol=1e-6)
        return (x,)

    run.run_network(volume, volume.grid, network, RECIPE, 8)
