"""Masks of real vertebrae, drawn by hand, in every format that holds voxels or surfaces."""

import numpy as np
import pytest
import slicerio
import trimesh

from spondyl.export.seg_nrrd import write_seg_nrrd
from spondyl.export.structures import write_structures
from spondyl.export.surface import surfaces
from spondyl.io import read_mask

pytestmark = pytest.mark.data


@pytest.fixture(params=["sub-verse006", "sub-verse008"])
def mask(request, shared_data):
    return read_mask(shared_data / "masks" / f"{request.param}_seg-vert_msk.nii.gz")


def test_surfaces_are_closed_and_as_large_as_the_voxels(mask):
    for surface in surfaces(mask):
        mesh = trimesh.Trimesh(surface.vertices_mm, surface.faces)
        voxels = np.argwhere(mask.data == surface.label)
        assert mesh.is_watertight
        assert mesh.volume == pytest.approx(len(voxels) * np.prod(mask.grid.spacing_mm), rel=0.03)
        np.testing.assert_allclose(mesh.center_mass, mask.grid.to_world(voxels).mean(axis=0), atol=0.5)


def test_voxels_come_back(mask, tmp_path):
    write_seg_nrrd(mask, tmp_path / "mask.seg.nrrd")
    write_structures(mask, tmp_path / "segmentations")
    np.testing.assert_array_equal(read_mask(tmp_path / "segmentations", mask.grid).data, mask.data)
    read = slicerio.read_segmentation(str(tmp_path / "mask.seg.nrrd"))
    np.testing.assert_array_equal(read["voxels"], mask.data)
    assert {segment["labelValue"] for segment in read["segments"]} == set(np.unique(mask.data)) - {0}
