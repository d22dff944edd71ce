"""What all pipelines share."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from spondyl.inference.steps import on_grid
from spondyl.volume import Grid, Volume


@pytest.mark.parametrize("angles", [(0, 0, 0), (180, 10, 90), (0, 45, 45), (0, 45, -45)])
def test_a_mask_comes_back_to_the_grid_of_its_scan(angles):
    """Also where an axis lies half way between two directions, so that its name is a matter of rounding."""
    affine = np.eye(4)
    affine[:3, :3] = Rotation.from_euler("xyz", angles, degrees=True).as_matrix()
    scan = Volume(np.arange(1, 121, dtype=np.uint8).reshape(4, 5, 6), Grid((4, 5, 6), affine))
    back = on_grid(scan.reoriented("RAS"), scan.grid)
    assert back.grid.is_close(scan.grid)
    np.testing.assert_array_equal(back.data, scan.data)
