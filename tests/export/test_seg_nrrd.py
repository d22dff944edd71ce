"""``.seg.nrrd`` as SimpleITK, pynrrd and Slicer's own slicerio read it."""

import nrrd
import numpy as np
import pytest
import SimpleITK
import slicerio
from blobs import blob_mask, grid_around
from hypothesis import given, settings

from spondyl.anatomy import COLOURS
from spondyl.export.seg_nrrd import write_seg_nrrd
from spondyl.io import read_mask
from spondyl.volume import Volume
from strategies import grids


@pytest.fixture
def mask():
    return blob_mask(grid_around((0.9, 0.8, 2.0), "PIR"))


def test_slicer_sees_names_colours_and_terms(tmp_path, mask):
    path = tmp_path / "mask.seg.nrrd"
    write_seg_nrrd(mask, path)
    read = slicerio.read_segmentation(str(path))
    segments = read["segments"]
    assert [segment["name"] for segment in segments] == ["T12", "T13", "L1"]
    assert [segment["labelValue"] for segment in segments] == [19, 28, 20]
    for segment in segments:
        label = segment["labelValue"]
        np.testing.assert_allclose(segment["color"], np.array(COLOURS[label]) / 255, atol=1e-5)
        assert segment["layer"] == 0
        assert segment["status"] == "inprogress"
        assert segment["terminology"]["category"] == ["SCT", "123037004", "Anatomical Structure"]
        box = np.reshape(segment["extent"], (3, 2))
        inside = np.argwhere(mask.data == label)
        np.testing.assert_array_equal(box, np.stack([inside.min(axis=0), inside.max(axis=0)], axis=1))
    assert segments[0]["terminology"]["type"] == ["SCT", "23215003", "T12 vertebra"]
    assert segments[1]["terminology"]["type"] == ["SCT", "51282000", "Vertebra"]
    assert len({segment["id"] for segment in segments}) == 3
    assert read["containedRepresentationNames"] == ["Binary labelmap"]
    np.testing.assert_array_equal(read["voxels"], mask.data)
    np.testing.assert_allclose(np.diag([-1, -1, 1, 1]) @ read["ijkToLPS"], mask.grid.affine)


def test_simpleitk_and_our_own_reader_agree(tmp_path, mask):
    path = tmp_path / "mask.seg.nrrd"
    write_seg_nrrd(mask, path)
    image = SimpleITK.ReadImage(str(path))
    np.testing.assert_array_equal(SimpleITK.GetArrayFromImage(image).T, mask.data)
    index = [3, 5, 7]
    lps = image.TransformIndexToPhysicalPoint(index)
    np.testing.assert_allclose(np.array(lps) * (-1, -1, 1), mask.grid.to_world(index))
    assert image.GetMetaData("Segment2_Name") == "L1"
    read = read_mask(path)
    np.testing.assert_array_equal(read.data, mask.data)
    assert read.grid.is_close(mask.grid, 1e-6)


@given(grid=grids())
@settings(deadline=None, max_examples=25)
def test_any_grid_comes_back(tmp_path_factory, grid):
    data = np.arange(np.prod(grid.shape)).reshape(grid.shape) % 29
    path = tmp_path_factory.mktemp("nrrd") / "mask.seg.nrrd"
    write_seg_nrrd(Volume(data.astype(np.uint8), grid), path)
    voxels, header = nrrd.read(str(path))
    np.testing.assert_array_equal(voxels, data)
    np.testing.assert_allclose(header["space directions"].T, np.diag([-1, -1, 1]) @ grid.affine[:3, :3])
    np.testing.assert_allclose(header["space origin"], np.diag([-1, -1, 1]) @ grid.affine[:3, 3])


def test_no_vertebra_is_no_segment(tmp_path):
    grid = grid_around((4, 4, 4))
    write_seg_nrrd(Volume(np.zeros(grid.shape, np.uint8), grid), tmp_path / "empty.seg.nrrd")
    assert not slicerio.read_segmentation(str(tmp_path / "empty.seg.nrrd")).get("segments")


def test_the_same_mask_gives_the_same_bytes(tmp_path, mask):
    for name in ("a.seg.nrrd", "b.seg.nrrd"):
        write_seg_nrrd(mask, tmp_path / name)
    assert (tmp_path / "a.seg.nrrd").read_bytes() == (tmp_path / "b.seg.nrrd").read_bytes()
