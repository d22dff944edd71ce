"""Grid and Volume, with SimpleITK as an independent oracle for world coordinates and resampling."""

import nibabel as nib
import numpy as np
import pytest
import SimpleITK
from hypothesis import given, settings
from hypothesis import strategies as st
from nibabel.orientations import aff2axcodes

from spondyl.errors import ImageError
from spondyl.volume import Grid, Volume
from strategies import ORIENTATIONS, ct_like, grids, orientations

few = settings(deadline=None, max_examples=30)


def to_itk(volume):
    """The volume as SimpleITK sees it: LPS+ world, computed without Grid's methods."""
    affine = np.diag([-1, -1, 1, 1]) @ volume.grid.affine
    spacing = np.sqrt((affine[:3, :3] ** 2).sum(axis=0))
    image = SimpleITK.GetImageFromArray(np.ascontiguousarray(volume.data.T))
    image.SetSpacing(spacing)
    image.SetDirection((affine[:3, :3] / spacing).ravel())
    image.SetOrigin(affine[:3, 3])
    return image


def test_there_are_48_orientations():
    assert len(set(ORIENTATIONS)) == 48


@few
@given(grids(), st.tuples(*[st.floats(-3, 12)] * 3))
def test_world_coordinates_are_those_of_itk(grid, voxel):
    left, back, up = to_itk(ct_like(grid)).TransformContinuousIndexToPhysicalPoint(voxel)
    np.testing.assert_allclose(grid.to_world(voxel), [-left, -back, up], atol=1e-6)
    np.testing.assert_allclose(grid.to_voxel(grid.to_world(voxel)), voxel, atol=1e-6)


@pytest.mark.parametrize("codes", ORIENTATIONS)
def test_from_spacing_points_where_its_codes_say(codes):
    grid = Grid.from_spacing((3, 4, 5), (1, 2, 3), codes)
    assert grid.codes == codes == "".join(aff2axcodes(grid.affine))
    assert grid.spacing_mm == (1, 2, 3)
    assert grid.to_world((0, 0, 0)).tolist() == [0, 0, 0]


@few
@given(grids(), orientations)
def test_reorienting_moves_no_voxel(grid, codes):
    volume = ct_like(grid)
    turned = volume.reoriented(codes)
    assert turned.grid.codes == codes
    assert np.shares_memory(turned.data, volume.data)
    index = np.array([[0, 0, 0], [3, 2, 1], [11, 8, 6]])
    there = np.rint(turned.grid.to_voxel(grid.to_world(index))).astype(int)
    np.testing.assert_allclose(turned.grid.to_world(there), grid.to_world(index), atol=1e-6)
    assert turned.data[tuple(there.T)].tolist() == volume.data[tuple(index.T)].tolist()


@few
@given(grids(), st.floats(0.5, 4))
def test_resampled_grid_covers_the_same_box(grid, spacing):
    new = grid.resampled(spacing)
    np.testing.assert_allclose(new.spacing_mm, spacing)
    expected = [max(round(n * old / spacing), 1) for n, old in zip(grid.shape, grid.spacing_mm, strict=True)]
    assert (
        np.abs(np.subtract(new.shape, expected)).max() <= 1
    )  # round() and numpy differ at .5 by float noise
    centre = grid.to_world((np.array(grid.shape) - 1) / 2)
    np.testing.assert_allclose(new.to_world((np.array(new.shape) - 1) / 2), centre, atol=1e-6)


def test_resampled_size_is_that_of_the_reference():
    assert Grid.from_spacing((140, 140, 125), (0.7, 0.7, 2.5)).resampled(1).shape == (98, 98, 312)


@few
@given(grids(oblique=False), orientations, st.floats(0.7, 3))
def test_linear_resampling_agrees_with_itk(grid, codes, spacing):
    check_against_itk(ct_like(grid), grid.reoriented(codes).resampled(spacing))


@few
@given(grids(), grids())
def test_linear_resampling_between_oblique_grids_agrees_with_itk(source, target):
    affine = target.affine.copy()
    affine[:3, 3] += source.to_world((5, 4, 3)) - target.to_world((5, 4, 3))  # let them overlap
    check_against_itk(ct_like(source), Grid(target.shape, affine))


def check_against_itk(volume, grid):
    ours = volume.resampled(grid, fill=-2000)
    reference = to_itk(Volume(np.zeros(grid.shape, np.int16), grid))
    image = SimpleITK.Cast(to_itk(volume), SimpleITK.sitkFloat32)
    theirs = SimpleITK.Resample(
        image, reference, SimpleITK.Transform(), SimpleITK.sitkLinear, -2000.0, SimpleITK.sitkFloat32
    )
    expected = SimpleITK.GetArrayFromImage(theirs).T
    index = np.stack(np.indices(grid.shape), axis=-1)
    source = volume.grid.to_voxel(grid.to_world(index))
    edge = np.minimum(np.abs(source + 0.5), np.abs(source - np.array(volume.grid.shape) + 0.5)).min(axis=-1)
    clear = edge > 1e-3  # exactly on the border both answers are right
    np.testing.assert_allclose(ours.data[clear], expected[clear], atol=0.5)
    assert ours.data.dtype == np.float32


@few
@given(grids(), orientations)
def test_a_linear_ramp_keeps_its_world_positions(grid, codes):
    """The value at a world point is the same after turning, resampling and cropping."""
    direction = np.array([3.0, -2.0, 1.0])
    ramp = Volume((grid.to_world(np.stack(np.indices(grid.shape), -1)) @ direction).astype(np.float32), grid)
    new = ramp.resampled(grid.reoriented(codes).resampled(0.6 * min(grid.spacing_mm))).cropped(
        (2, 2, 2), (9, 9, 9)
    )
    index = np.stack(np.indices(new.data.shape), -1)
    world = new.grid.to_world(index)
    source = grid.to_voxel(world)
    inside = ((source >= 0) & (source <= np.array(grid.shape) - 1)).all(axis=-1)
    np.testing.assert_allclose(new.data[inside], (world @ direction)[inside], atol=0.05)


@few
@given(grids(), st.tuples(*[st.integers(-4, 5)] * 3), st.tuples(*[st.integers(6, 15)] * 3))
def test_cropping_keeps_values_in_place_and_pads(grid, start, stop):
    volume = ct_like(grid)
    crop = volume.cropped(start, stop, fill=-3000)
    index = np.stack(np.indices(crop.data.shape), -1).reshape(-1, 3)
    source = np.rint(grid.to_voxel(crop.grid.to_world(index))).astype(int)
    np.testing.assert_array_equal(source, index + start)
    inside = ((source >= 0) & (source < grid.shape)).all(axis=1)
    found = crop.data.reshape(-1)
    np.testing.assert_array_equal(found[inside], volume.data[tuple(source[inside].T)])
    assert (found[~inside] == -3000).all()


def test_cropping_far_outside_gives_padding_only():
    crop = ct_like(Grid.from_spacing((4, 4, 4), (1, 1, 1))).cropped((10, 0, 0), (12, 4, 4), fill=7)
    assert crop.data.shape == (2, 4, 4)
    assert (crop.data == 7).all()


def test_nearest_resampling_keeps_labels_and_type():
    grid = Grid.from_spacing((6, 6, 6), (1, 1, 1))
    labels = Volume(np.random.default_rng(1).choice(np.array([0, 20, 28], np.uint8), grid.shape), grid)
    new = labels.resampled(grid.resampled(0.5), order=0)
    assert new.data.dtype == np.uint8
    np.testing.assert_array_equal(new.data, labels.data.repeat(2, 0).repeat(2, 1).repeat(2, 2))


def test_contains_counts_voxel_edges_as_inside():
    grid = Grid.from_spacing((3, 3, 3), (2, 2, 2))
    points = [(-1, 0, 0), (-1.1, 0, 0), (5, 5, 5), (5.1, 5, 5)]
    assert grid.contains(points).tolist() == [True, False, True, False]
    assert grid.contains(points, margin_mm=0.2).all()


def test_is_close_sees_every_corner():
    grid = Grid.from_spacing((100, 100, 100), (1, 1, 1))
    stretched = Grid(grid.shape, grid.affine @ np.diag([1, 1, 1.001, 1]))
    assert grid.is_close(Grid(grid.shape, grid.affine.copy()))
    assert not grid.is_close(stretched)
    assert grid.is_close(stretched, atol_mm=0.1)
    assert not grid.is_close(Grid((99, 100, 100), grid.affine))


@pytest.mark.parametrize(
    ("shape", "affine"),
    [
        ((0, 3, 3), np.eye(4)),
        ((3, 3), np.eye(4)),
        ((3, 3, 3), np.eye(3)),
        ((3, 3, 3), np.diag([1, 1, 0, 1])),
        ((3, 3, 3), np.diag([1, 1, np.nan, 1])),
        ((3, 3, 3), np.diag([1, 1, np.inf, 1])),
    ],
)
def test_impossible_grids_are_refused(shape, affine):
    with pytest.raises(ImageError):
        Grid(shape, affine)


def test_a_grid_cannot_be_changed():
    affine = np.eye(4)
    grid = Grid((2, 2, 2), affine)
    affine[0, 3] = 5
    assert grid.affine[0, 3] == 0
    with pytest.raises(ValueError, match="read-only"):
        grid.affine[0, 3] = 1
    with pytest.raises(ValueError, match="read-only"):
        grid.inverse[0, 3] = 1


def test_voxels_must_fit_their_grid():
    with pytest.raises(ImageError, match=r"\(2, 2, 2\)"):
        Volume(np.zeros((2, 2, 2)), Grid((2, 2, 3), np.eye(4)))


def test_grid_agrees_with_nibabel():
    affine = nib.affines.from_matvec([[0, -2, 0], [1, 0, 0.1], [0, 0, 3]], [5, 6, 7])
    grid = Grid((4, 5, 6), affine)
    np.testing.assert_allclose(grid.to_world([1, 2, 3]), nib.affines.apply_affine(affine, [1, 2, 3]))
    np.testing.assert_allclose(grid.spacing_mm, nib.affines.voxel_sizes(affine))


def test_averaging_keeps_places_and_removes_noise():
    rng = np.random.default_rng(0)
    grid = Grid.from_spacing((40, 40, 40), (0.9, 0.9, 2.5), "LPS")
    ramp = grid.to_world(np.stack(np.meshgrid(*[np.arange(40)] * 3, indexing="ij"), axis=-1))[..., 0]
    coarse = Volume((ramp + rng.normal(0, 1, grid.shape)).astype(np.float32), grid).averaged(2.0)
    assert coarse.grid.spacing_mm == pytest.approx((1.8, 1.8, 2.5))
    assert coarse.grid.contains(grid.to_world([[0, 0, 0], [39, 39, 39]])).all()
    there = np.stack(np.meshgrid(*map(np.arange, coarse.grid.shape), indexing="ij"), axis=-1)
    error = coarse.data - coarse.grid.to_world(there)[..., 0]
    assert abs(error.mean()) < 0.02
    assert error.std() == pytest.approx(0.5, rel=0.05)
    assert Volume(ramp, grid).averaged(0.9 - 1e-4).data is ramp
