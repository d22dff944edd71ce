import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spondyl.datasets import find_cases
from spondyl.datasets.centres import body_centres
from spondyl.io import read_centroids, read_mask
from spondyl.phantom import PhantomOptions, make_phantom
from spondyl.volume import Grid, Volume

CODES = ["RAS", "LPS", "PIR", "SAL", "IRP", "ASR"]


def _vertebra(data, label, centre):
    """A cylinder-like body with two pedicles, a lamina and a long spinous process behind (1 mm voxels)."""
    x, y, z = np.indices(data.shape)
    cx, cy, cz = centre
    body = ((x - cx) / 20) ** 2 + ((y - cy) / 15) ** 2 <= 1
    body &= abs(z - cz) <= 12
    pedicles = (abs(abs(x - cx) - 12) <= 4) & (y < cy) & (y > cy - 30) & (abs(z - cz - 5) <= 5)
    arch = (abs(x - cx) <= 16) & (abs(y - (cy - 32)) <= 4) & (abs(z - cz) <= 9)
    spinous = (abs(x - cx) <= 4) & (y < cy - 30) & (y > cy - 60) & (abs(z - cz + 4) <= 9)
    data[body | pedicles | arch | spinous] = label


@pytest.fixture(scope="module")
def lumbar():
    grid = Grid.from_spacing((60, 100, 70), (1, 1, 1))
    data = np.zeros(grid.shape, np.uint8)
    _vertebra(data, 20, (30, 75, 52))
    _vertebra(data, 21, (29, 77, 18))
    return Volume(data, grid)


def test_centre_of_the_body_not_of_the_whole(lumbar):
    centres = body_centres(lumbar)
    assert sorted(centres) == [20, 21]
    for label, truth in {20: (30, 75, 52), 21: (29, 77, 18)}.items():
        assert np.linalg.norm(np.subtract(centres[label], truth)) < 2
        whole = np.argwhere(lumbar.data == label).mean(0)
        assert np.linalg.norm(whole - truth) > 10  # what the method is for


def test_a_sliver_one_voxel_deep_has_a_centre():
    """Its voxels lie as far in front as their mean, up to rounding."""
    rng = np.random.default_rng(1)
    for _ in range(30):
        affine = np.diag([*rng.uniform(0.3, 3, 3), 1])
        affine[:3, 3] = rng.uniform(-200, 200, 3)
        mask = Volume(np.zeros((8, 8, 8), np.uint8), Grid((8, 8, 8), affine))
        mask.data[2:5, 4, 3:6] = 10
        np.testing.assert_allclose(body_centres(mask)[10], mask.grid.to_world((3, 4, 4)), atol=1e-6)


@settings(deadline=None, max_examples=8)
@given(st.sampled_from(CODES))
def test_any_orientation_gives_the_same_world_points(lumbar, codes):
    expected, found = body_centres(lumbar), body_centres(lumbar.reoriented(codes))
    assert sorted(found) == sorted(expected)
    for label, point in expected.items():
        np.testing.assert_allclose(found[label], point, atol=1e-6)


def test_thick_slices(lumbar):
    thick = lumbar.resampled(lumbar.grid.resampled((1, 1, 4)), order=0)
    for label, point in body_centres(thick).items():
        assert np.linalg.norm(np.subtract(point, body_centres(lumbar)[label])) < 2


@pytest.mark.parametrize(("start", "found"), [(10, [20, 21]), (26, [20])])
def test_vertebra_cut_before_its_middle_is_left_out(lumbar, start, found):
    cut = lumbar.cropped((0, 0, start), lumbar.grid.shape)
    assert sorted(body_centres(cut)) == found


def test_flattened_body_does_not_lose_to_a_process():
    grid = Grid.from_spacing((60, 100, 40), (1, 1, 1))
    x, y, z = np.indices(grid.shape)
    data = np.zeros(grid.shape, np.uint8)
    data[(abs(x - 30) <= 18) & (abs(y - 75) <= 14) & (abs(z - 20) <= 4)] = 20
    data[(abs(x - 30) <= 7) & (abs(y - 40) <= 20) & (abs(z - 20) <= 7)] = 20
    data[(abs(x - 30) <= 2) & (y > 50) & (y < 70) & (abs(z - 20) <= 2)] = 20
    assert abs(body_centres(Volume(data, grid))[20][1] - 75) < 2


@pytest.mark.parametrize("with_axis", [True, False])
def test_atlas_between_arch_and_dens(with_axis):
    grid = Grid.from_spacing((90, 80, 60), (1, 1, 1))
    x, y, z = np.indices(grid.shape)
    radius = np.hypot((x - 45) / 1.3, y - 40)
    data = np.zeros(grid.shape, np.uint8)
    data[(abs(radius - 25) <= 3) & (abs(z - 40) <= 5)] = 1  # front of the arch at y = 68
    if with_axis:
        data[(np.hypot(x - 45, y - 54) <= 5) & (z > 15) & (z < 45)] = 2  # back of the dens at y = 49
        data[(abs(x - 45) <= 9) & (abs(y - 54) <= 8) & (abs(z - 10) <= 8)] = 2
    point = body_centres(Volume(data, grid))[1]
    np.testing.assert_allclose(point, (45, 58.5, 40), atol=0.6)


def test_empty_mask():
    assert body_centres(Volume(np.zeros((4, 4, 4), np.uint8), Grid.from_spacing((4, 4, 4), (1, 1, 1)))) == {}


def test_cervical_phantom():
    """Shapes made by other code, with centres known exactly; the dens pulls C2 up."""
    options = PhantomOptions(levels=("C1", "T1"), field_of_view_mm=(120, 150, 100))
    spine = make_phantom(0, options).spine
    centres = body_centres(spine.mask)
    assert {1, 2, 7} <= set(centres)
    for label, point in centres.items():
        allowed = {1: 2.5, 2: 4.0}.get(label, 1.0)
        assert np.linalg.norm(np.subtract(point, spine[label].centroid_mm)) < allowed


@pytest.mark.data
def test_verse_masks_against_centroids_placed_by_hand(shared_data):
    """The claim in the module's docstring; the mask of verse004 has its own hand-made centroids."""
    errors = []
    path = shared_data / "masks" / "sub-verse004_seg-vert_msk.nii.gz"
    mask = read_mask(path)
    truth = read_centroids(shared_data / "masks" / "sub-verse004_seg-subreg_ctd.json", mask.grid)
    pairs = [(mask, truth)]
    for case in find_cases(shared_data / "spine-ct" / "testing_dataset"):
        if case.name not in {"verse006", "verse008"}:
            continue
        volume, spine = case.load()
        other = read_mask(shared_data / "masks" / f"sub-{case.name}_seg-vert_msk.nii.gz")
        # The scans were re-published with another origin: same voxels, other axes.
        pairs.append((Volume(other.reoriented(volume.grid.codes).data, volume.grid), spine))
    for volume, spine in pairs:
        for label, point in body_centres(volume).items():
            errors.append(np.linalg.norm(np.subtract(point, spine[label].centroid_mm)))
    assert len(errors) == 17
    assert np.mean(errors) < 1.2
    assert max(errors) < 2.1
