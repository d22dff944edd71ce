"""The deformation against scipy's general interpolation, pixel by pixel."""

import numpy as np
from scipy import ndimage

from spondyl.augment.elastic import ElasticDeformation


def test_agrees_with_two_dimensional_splines():
    rng = np.random.default_rng(0)
    image = rng.normal(size=(3, 40, 61)).astype(np.float32)
    deformation = ElasticDeformation.sample(rng)
    where = np.meshgrid(np.linspace(0, 2, 40), np.linspace(0, 2, 61), indexing="ij")
    field = [ndimage.map_coordinates(d, where, order=3, mode="mirror") for d in deformation.displacements_vox]
    source = [np.arange(40)[:, None] + field[0], np.arange(61) + field[1]]
    expected = [
        ndimage.map_coordinates(plane, source, order=0, mode="constant", cval=-5, prefilter=False)
        for plane in image
    ]
    found = deformation.apply(image, fill=-5)
    assert found.dtype == np.float32
    # scipy calls the outer half of the edge pixels outside; away from there they are one.
    kept = np.abs(found - np.array(expected)) < 1e-6
    edge = (np.abs(source[0] - 19.5) > 19.5) | (np.abs(source[1] - 30) > 30)
    assert kept[:, ~edge].all()
    assert (found == -5).any()
    assert (found != image).any()


def test_control_points_move_by_what_was_drawn():
    displacements = np.zeros((2, 3, 3))
    displacements[0, 1, 1] = 4.0
    index, inside = ElasticDeformation(displacements).source((21, 31))
    assert divmod(int(index[10, 15]), 31) == (14, 15)
    assert divmod(int(index[0, 0]), 31) == (0, 0)
    assert inside.all()


def test_no_displacement_changes_nothing_and_seeds_repeat():
    image = np.random.default_rng(1).integers(0, 9, (30, 20))
    assert np.array_equal(ElasticDeformation(np.zeros((2, 3, 3))).apply(image), image)
    one, two = (ElasticDeformation.sample(np.random.default_rng(5)) for _ in range(2))
    assert np.array_equal(one.displacements_vox, two.displacements_vox)


def test_the_spread_is_sigma():
    rng = np.random.default_rng(0)
    drawn = [ElasticDeformation.sample(rng, sigma_vox=7).displacements_vox for _ in range(200)]
    assert abs(np.std(drawn) - 7) < 0.3
