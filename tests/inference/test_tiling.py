"""Tiling: nothing lost, nothing twice, and nothing seen that is not there."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spondyl.inference.tiling import padded_shape, read_box, tile_starts, walk

PATCH, STEP = (64, 64, 80), (32, 32, 40)


def _assemble(network, data, patch, step, **options):
    result = np.full(data.shape, np.nan, np.float32)
    visits = np.zeros(data.shape, int)
    for where, answer in walk(network, data, patch, step, **options):
        result[where] = answer[0]
        visits[where] += 1
    assert (visits == 1).all()
    return result


@pytest.mark.parametrize(
    "shape", [(1, 1, 1), (32, 32, 40), (33, 34, 41), (31, 65, 42), (97, 98, 121), (5, 130, 79)]
)
def test_an_identity_network_gives_the_volume_back(shape):
    data = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    np.testing.assert_array_equal(_assemble(lambda x: x, data, PATCH, STEP), data)


@settings(deadline=None, max_examples=40)
@given(
    st.tuples(*[st.integers(1, 30)] * 3),
    st.tuples(*[st.integers(1, 9)] * 3),
    st.tuples(*[st.integers(0, 4)] * 3),
    st.integers(1, 5),
)
def test_identity_for_any_size_step_border_and_batch(shape, step, border, batch):
    patch = tuple(s + 2 * b for s, b in zip(step, border, strict=True))
    data = np.arange(np.prod(shape), dtype=np.float32).reshape(shape)
    calls = []

    def network(x):
        assert x.shape[1:] == (1, *patch)
        assert x.shape[0] <= batch
        return x

    result = _assemble(network, data, patch, step, batch=batch, progress=lambda *at: calls.append(at))
    np.testing.assert_array_equal(result, data)
    total = len(tile_starts(shape, step))
    assert calls[-1] == (total, total)


def test_each_voxel_sees_the_neighbourhood_of_the_whole_padded_volume():
    """A shift by the border shows whether the context is the true one, edges included."""
    data = np.random.default_rng(1).normal(size=(40, 37, 45)).astype(np.float32)
    border = 3
    padded = np.pad(data, border, constant_values=-5)
    expected = padded[: -2 * border, border:-border, 2 * border :]

    def network(x):
        return np.roll(x, (border, 0, -border), axis=(2, 3, 4))

    result = _assemble(network, data, (16, 14, 22), (10, 8, 16), fill=-5)
    np.testing.assert_array_equal(result, expected)


def test_covered_box_of_the_scan_in_the_seeds_readme():
    assert padded_shape((140, 140, 312), PATCH, STEP) == (192, 192, 360)
    assert len(tile_starts((140, 140, 312), STEP)) == 5 * 5 * 8


def test_a_box_outside_the_volume_is_all_fill():
    assert (read_box(np.ones((3, 3, 3)), (5, 0, -9), (2, 2, 2), 7) == 7).all()


@pytest.mark.parametrize(
    ("patch", "step"), [((5, 4, 4), (4, 4, 4)), ((2, 4, 4), (4, 4, 4)), ((4,) * 3, (0,) * 3)]
)
def test_patch_and_step_must_fit(patch, step):
    with pytest.raises(ValueError, match="even number"):
        next(walk(lambda x: x, np.zeros((4, 4, 4), np.float32), patch, step))
