"""Interpolation between lattices against scipy's general one."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from spondyl.resampling import block_means, interpolate

RNG = np.random.default_rng(3)


@settings(deadline=None, max_examples=60)
@given(
    st.tuples(*[st.integers(1, 9)] * 3),
    st.tuples(*[st.integers(1, 9)] * 3),
    st.tuples(*[st.floats(0.2, 3.0)] * 3),
    st.tuples(*[st.floats(-4, 6)] * 3),
    st.sampled_from(["int16", "uint8", "float32", "float64"]),
    st.sampled_from("CF"),
)
def test_parallel_axes_agree_with_scipy(size, shape, scale, offset, dtype, layout):
    source = np.array(RNG.integers(0, 200, size), dtype, order=layout)
    matrix = np.diag([*scale, 1.0])
    matrix[:3, 3] = offset
    found = interpolate(source, matrix, shape, order=1, fill=-7.0)
    expected = ndimage.affine_transform(
        source.astype(float), scale, offset, shape, order=1, mode="nearest", prefilter=False
    )
    places = np.stack(np.indices(shape), axis=-1) * scale + offset
    outside = ((places < -0.5) | (places > np.array(size) - 0.5)).any(axis=-1)
    near = (np.minimum(abs(places + 0.5), abs(places - np.array(size) + 0.5)) < 1e-5).any(axis=-1)
    assert found.dtype == np.float32
    assert found.shape == shape
    np.testing.assert_allclose(found[~outside & ~near], expected[~outside & ~near], atol=1e-3)
    assert (found[outside & ~near] == -7.0).all()


@pytest.mark.parametrize("tilt", [0.0, 0.2])
@pytest.mark.parametrize("layout", ["C", "F"])
def test_no_copy_of_the_source_is_made(tilt, layout):
    source = np.zeros((200, 200, 200), np.int16, order=layout)
    matrix = np.diag([8.0, 8.0, 8.0, 1.0])
    matrix[0, 1] = tilt
    tracemalloc.start()
    interpolate(source, matrix, (25, 25, 25), order=1, fill=0.0)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < source.nbytes / 4


@pytest.mark.parametrize("order", ["C", "F"])
def test_block_means_are_means_of_blocks_also_at_the_edge(order):
    source = np.asarray(np.random.default_rng(3).integers(-1000, 3000, (7, 6, 10)), np.int16, order=order)
    means = block_means(source, (2, 1, 3))
    assert means.shape == (4, 6, 4)
    assert means.dtype == np.int16
    assert means[1, 2, 0] == round(source[2:4, 2, :3].mean())
    exact = block_means(source.astype(np.float32), (2, 1, 3))
    assert exact[1, 2, 0] == pytest.approx(source[2:4, 2, :3].mean())
    assert means[3, 5, 3] == pytest.approx(source[6, 5, 9])
