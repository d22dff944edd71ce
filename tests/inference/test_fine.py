"""The second, fine look: every vertebra within reach, and no more of the scan than that needs."""

import numpy as np
import pytest

from spondyl.inference.fine import look_again
from spondyl.inference.ways import Ways
from spondyl.recipes.spondyl import OFFSET_UNIT_MM, SpondylRecipe
from spondyl.volume import Grid, Volume

SCAN = Volume(np.zeros((60, 120, 160), np.int16), Grid.from_spacing((60, 120, 160), (3.0, 3.0, 3.0)))
NOWHERE = Ways(np.zeros((3, *SCAN.grid.shape), np.float32), SCAN.grid)
HEIGHTS_MM = np.arange(60.0, 440.0, 30.0)


def pieces(depths_mm):
    """The pieces of a spine in the middle between left and right, at some depth at each height."""
    seen = []

    def network(image):
        seen.append(image.shape[2:])
        return (np.ones((1, 5, *image.shape[2:]), np.float32),)

    across = np.full(len(HEIGHTS_MM), 90.0)
    centroids_mm = np.stack([across, depths_mm, HEIGHTS_MM], axis=1)
    return centroids_mm, list(look_again(SCAN, network, SpondylRecipe(), centroids_mm, NOWHERE)), seen


def test_every_vertebra_is_covered_wherever_the_spine_bends():
    depths = 180 + 80 * np.sin(HEIGHTS_MM / 100)
    centroids, found, _ = pieces(depths)
    assert len(found) > 1
    for point in centroids:
        for reach in np.array(
            [(0, 0, 0), (45, 0, 0), (-45, 0, 0), (0, 30, 0), (0, -75, 0), (0, 0, 40), (0, 0, -40)]
        ):
            inside = []
            for piece in found:
                x, y, z = piece.vertebra.grid.to_voxel(point + reach)
                width, depth, _ = piece.vertebra.grid.shape
                low, high = piece.core
                inside.append(0 <= x < width and 0 <= y < depth and low - 0.5 <= z < high - 0.5)
            assert sum(inside) == 1


def test_nothing_is_looked_at_where_no_vertebra_is_near():
    seen = []

    def network(image):
        seen.append(image.shape)
        return (np.ones((1, 5, *image.shape[2:]), np.float32),)

    centroids_mm = np.array([[90.0, 180.0, 60.0], [90.0, 180.0, 430.0]])
    found = list(look_again(SCAN, network, SpondylRecipe(), centroids_mm, NOWHERE))
    assert len(found) == len(seen) == 2  # of three chunks


@pytest.mark.parametrize("span_mm", np.arange(105.0, 115.0, 0.5))
def test_a_spine_about_as_long_as_one_chunk_is_covered(span_mm):
    """A sliver left over behind the last whole chunk once lay out of reach of every centroid."""

    def network(image):
        return (np.ones((1, 5, *image.shape[2:]), np.float32),)

    centroids_mm = np.array([[90.0, 180.0, 200.0], [90.0, 180.0, 200.0 + span_mm]])
    found = list(look_again(SCAN, network, SpondylRecipe(), centroids_mm, NOWHERE))
    tops = [piece.vertebra.grid.to_world((0, 0, piece.core[1] - 0.5))[2] for piece in found]
    assert max(tops) > 200 + span_mm + 44


def test_a_bent_spine_takes_no_more_room_than_its_parts_need():
    _, _, straight = pieces(np.full(len(HEIGHTS_MM), 180.0))
    _, _, slanted = pieces(np.linspace(120, 240, len(HEIGHTS_MM)))
    voxels = [sum(int(np.prod(shape)) for shape in seen) for seen in (straight, slanted)]
    box = (120 + 115) / 115  # what one box around all of the slanted one would take
    assert voxels[0] < voxels[1] < 0.85 * box * voxels[0]


def test_the_fine_network_says_which_vertebra_unless_it_does_not_know():
    _, found, _ = pieces(np.full(len(HEIGHTS_MM), 180.0))
    assert all((piece.ways.mm == OFFSET_UNIT_MM).all() for piece in found)  # the stub says 1 everywhere
    recipe = SpondylRecipe(segmentation=SpondylRecipe().segmentation.model_copy(update={"offsets": False}))
    centroids_mm = np.array([[90.0, 180.0, 240.0]])

    def network(image):
        return (np.ones((1, 2, *image.shape[2:]), np.float32),)

    (piece,) = look_again(SCAN, network, recipe, centroids_mm, NOWHERE)
    assert piece.ways is NOWHERE
