"""Dense annotation against the same definition written as three Python loops over voxels."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spondyl.anatomy import ORDER
from spondyl.annotation import dense_annotation
from spondyl.recipes.spinefinder import SpinefinderRecipe
from spondyl.spine import Spine
from spondyl.volume import Grid

SIZES = SpinefinderRecipe().sizes_by_label


def loops(spine, shape, spacing, sizes):
    """The oracle: voxel by voxel; the sweep is sampled so finely that sampling does not show."""
    labels = np.zeros(shape, np.uint8)
    points = [np.array(v.centroid_mm) for v in spine]
    for place, vertebra in enumerate(spine):
        centre, radius = points[place], sizes[vertebra.label] / 2
        above = points[place - 1] if place else None
        below = points[place + 1] if place + 1 < len(points) else None
        if above is None and below is None:
            up = np.array([0, 0, 2 * radius])
            above, below = centre + up, centre - up
        above = 2 * centre - below if above is None else above
        below = 2 * centre - above if below is None else below
        shares = np.linspace(0, 1, 801)[:, None]
        sweep = np.concatenate(
            [centre + shares * (above - centre) / 2, centre + shares * (below - centre) / 2]
        )
        for k in range(shape[2]):
            here = sweep[np.abs(sweep[:, 2] - k * spacing[2]) <= spacing[2] / 2]
            if not len(here):
                continue
            for i in range(shape[0]):
                for j in range(shape[1]):
                    distance = np.hypot(here[:, 0] - i * spacing[0], here[:, 1] - j * spacing[1])
                    if distance.min() <= radius:
                        labels[i, j, k] = vertebra.label
    return labels


@settings(max_examples=12, deadline=None)
@given(
    first=st.integers(0, 24),
    count=st.integers(1, 4),
    lean=st.floats(-20, 20),
    step=st.floats(2, 14),
    spacing=st.tuples(*[st.floats(1.5, 4)] * 3),
    seed=st.integers(0, 99),
)
def test_agrees_with_three_loops(first, count, lean, step, spacing, seed):
    rng = np.random.default_rng(seed)
    shape = (14, 12, 16)
    start = rng.uniform(0.2, 0.8, 3) * np.array(shape) * spacing
    centroids = {
        label: start - np.array([lean / 3, lean, step]) * n + rng.normal(0, 1, 3)
        for n, label in enumerate(ORDER[first : first + count])
    }
    spine = Spine.from_centroids(centroids)
    found = dense_annotation(spine, Grid.from_spacing(shape, spacing), SIZES).data
    expected = loops(spine, shape, spacing, SIZES)
    # The sampled sweep misses at most the rims that touch a voxel centre by a hair.
    assert (found != expected).sum() <= 0.005 * (expected > 0).sum() + 1


@pytest.fixture
def spine():
    return Spine.from_centroids({18: (30, 30, 60), 19: (31, 33, 40), 20: (29, 30, 18)})


def test_extent_of_a_straight_tube():
    spine = Spine.from_centroids({20: (30.0, 30.0, 50.0), 21: (30.0, 30.0, 20.0)})
    data = dense_annotation(spine, Grid.from_spacing((60, 60, 80), (1, 1, 1)), SIZES).data
    column = data[30, 30]
    assert np.flatnonzero(column == 20).tolist() == list(range(36, 66))  # 35 goes to the lower one
    assert np.flatnonzero(column == 21).tolist() == list(range(5, 36))
    assert np.flatnonzero(data[:, 30, 50]).tolist() == list(range(13, 48))  # L1: 34 mm
    assert data.dtype == np.uint8


@pytest.mark.parametrize("codes", ["LPS", "SRA", "PIL", "IAR"])
def test_the_order_of_axes_on_disk_does_not_matter(spine, codes):
    grid = Grid.from_spacing((60, 64, 80), (1, 1.5, 1))
    expected = dense_annotation(spine, grid, SIZES)
    turned = dense_annotation(spine, grid.reoriented(codes), SIZES).reoriented("RAS")
    assert np.array_equal(turned.data, expected.data)
    assert len(np.unique(expected.data)) == 4


def test_t13_and_l6_are_vertebrae_like_others():
    spine = Spine.from_centroids({28: (20, 20, 40), 25: (20, 20, 15)})
    data = dense_annotation(spine, Grid.from_spacing((40, 40, 60), (1, 1, 1)), SIZES).data
    assert set(np.unique(data)) == {0, 25, 28}


def test_nothing_to_draw_and_everything_outside():
    grid = Grid.from_spacing((5, 5, 5), (1, 1, 1))
    assert not dense_annotation(Spine(), grid, SIZES).data.any()
    far = Spine.from_centroids({1: (500, 0, 0), 2: (0, 500, -20)})
    assert not dense_annotation(far, grid, SIZES).data.any()


def test_coinciding_centroids_are_no_crash():
    spine = Spine.from_centroids({1: (5, 5, 5), 2: (5, 5, 5)})
    data = dense_annotation(spine, Grid.from_spacing((10, 10, 10), (1, 1, 1)), SIZES).data
    assert set(np.unique(data)) == {0, 2}
