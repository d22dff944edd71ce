"""Hypothesis strategies shared by the tests: grids in any orientation, volumes, spines."""

from itertools import permutations, product

import numpy as np
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from spondyl.anatomy import ORDER
from spondyl.spine import Spine
from spondyl.volume import Grid, Volume

ORIENTATIONS = tuple("".join(codes) for axes in permutations(("LR", "PA", "IS")) for codes in product(*axes))
"""The 48 ways to store a volume: "RAS", "LPS", "PIR" ..."""

orientations = st.sampled_from(ORIENTATIONS)


@st.composite
def grids(draw, *, shape=(12, 9, 7), oblique=True):
    """Grids in any of the 48 orientations, anisotropic, displaced, and tilted if ``oblique``."""
    spacing = [draw(st.floats(0.3, 5.0)) for _ in range(3)]
    # Whole microdegrees: ITK, the oracle, does not invert matrices with entries such as 1e-300.
    tilt = [draw(st.integers(-20_000_000, 20_000_000)) * 1e-6 if oblique else 0.0 for _ in range(3)]
    origin = [draw(st.floats(-500, 500)) for _ in range(3)]
    affine = Grid.from_spacing(shape, spacing, draw(orientations)).affine.copy()
    affine[:3, :3] = Rotation.from_euler("xyz", tilt, degrees=True).as_matrix() @ affine[:3, :3]
    affine[:3, 3] = origin
    return Grid(shape, affine)


@st.composite
def spines(draw, grid, *, min_size=0):
    """Spines with any labels (T13, L6 and S2 too) at any place in the box of ``grid``."""
    labels = draw(st.lists(st.sampled_from(ORDER), unique=True, min_size=min_size, max_size=8))
    place = st.tuples(*[st.floats(0, n - 1) for n in grid.shape])
    return Spine.from_centroids({label: grid.to_world(draw(place)) for label in labels})


def ct_like(grid, seed=0):
    """A small int16 volume with the range of a CT, every voxel different from its neighbours."""
    values = np.random.default_rng(seed).integers(-1000, 1500, grid.shape)
    return Volume(values.astype(np.int16), grid)


def assert_same_spine(found, expected, atol_mm):
    """Same labels, and centroids closer than ``atol_mm`` along every axis."""
    assert found.names == expected.names
    np.testing.assert_allclose(found.centroids_mm, expected.centroids_mm, rtol=0, atol=atol_mm)
