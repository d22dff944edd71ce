"""Real scans, masks and centroid files; skipped where they are absent."""

import nibabel as nib
import numpy as np
import pytest

from spondyl.errors import AnnotationError
from spondyl.io import read_centroids, read_image, read_mask, write_centroids
from spondyl.volume import Grid

pytestmark = pytest.mark.data

BONE_MM = 6.0
"""Half the width of the box around a centroid in which bone is looked for."""


def brightness(volume, point_mm, half_mm):
    """90th percentile of HU in a box around a point."""
    centre = volume.grid.to_voxel(point_mm)
    half = half_mm / np.array(volume.grid.spacing_mm)
    start = np.clip(np.floor(centre - half), 0, None).astype(int)
    stop = np.clip(np.ceil(centre + half) + 1, start + 1, volume.grid.shape).astype(int)
    return np.percentile(volume.cropped(start, stop).data, 90)


def annotated(shared_data):
    return sorted(path for path in (shared_data / "spine-ct").glob("*/*.lml"))


def test_every_annotated_scan_has_bone_at_its_centroids(shared_data):
    counted, bright = 0, 0
    for path in annotated(shared_data):
        volume = read_image(path.with_suffix(".nii.gz"))
        spine = read_centroids(path, volume.grid)
        assert volume.data.dtype == np.int16
        assert len(spine) >= 3, path
        assert volume.grid.contains(spine.centroids_mm).all(), path
        assert np.all(np.diff(spine.centroids_mm[:, 2]) < 5), path  # head to foot is up to down
        values = [brightness(volume, point, BONE_MM) for point in spine.centroids_mm]
        counted += len(values)
        bright += np.count_nonzero(np.array(values) > 100)
    assert counted > 300
    assert bright / counted > 0.97


def test_mirrored_centroids_would_miss_the_bone(shared_data):
    """The test above can fail: counting the offsets from the wrong end leaves the spine."""
    path = shared_data / "spine-ct" / "training_dataset" / "lidc_0001.lml"
    volume = read_image(path.with_suffix(".nii.gz"))
    grid = volume.grid
    wrong = read_centroids(path, grid.reoriented("RPS"))
    values = [brightness(volume, point, BONE_MM) for point in wrong.centroids_mm]
    assert np.mean(np.array(values) > 100) < 0.7


@pytest.mark.parametrize("name", ["2804506", "2805012", "4533808", "4533809"])
def test_original_lml_files(shared_data, tmp_path, name):
    path = shared_data / "lml_samples" / f"{name}.lml"
    grid = Grid.from_spacing((512, 512, 300), (0.35, 0.35, 2.5), "LPS")
    spine = read_centroids(path, grid)
    lines = [line.split("\t") for line in path.read_text().splitlines()[1:] if line.strip()]
    assert [f"{v.name}_center" for v in spine] == [line[1] for line in lines]
    x, y, z = spine.centroids_mm.T
    np.testing.assert_allclose(np.stack([-x, -y, z], 1), [[float(w) for w in line[2:5]] for line in lines])
    write_centroids(spine, tmp_path / "a.lml", grid)
    again = [line.split("\t") for line in (tmp_path / "a.lml").read_text().splitlines()[1:]]
    assert [line[:2] for line in again] == [line[:2] for line in lines]


def test_a_real_verse_file_is_in_voxels_and_inside_its_mask(shared_data, caplog):
    masks = shared_data / "masks"
    mask = read_mask(masks / "sub-verse004_seg-vert_msk.nii.gz")
    path = masks / "sub-verse004_seg-subreg_ctd.json"

    def inside(spine):
        index = np.rint(mask.grid.to_voxel(spine.centroids_mm)).astype(int)
        index = np.clip(index, 0, np.array(mask.grid.shape) - 1)
        return int(np.count_nonzero(mask.data[tuple(index.T)] == spine.labels))

    spine = read_centroids(path, mask.grid)
    assert spine.names == ("T9", "T10", "T11", "T12", "L1", "L2", "L3", "L4", "L5")
    assert inside(spine) == 9
    assert inside(read_centroids(path, mask.grid.reoriented("RAS"))) == 9
    assert inside(read_centroids(path, mask.grid, mask=mask)) == 9
    assert inside(read_centroids(path, mask.grid, frame="1mm")) == 0
    assert caplog.text == ""


def test_the_mask_finds_out_a_real_file_turned_to_the_challenge_frame(shared_data, tmp_path):
    masks = shared_data / "masks"
    mask = read_mask(masks / "sub-verse004_seg-vert_msk.nii.gz")
    spine = read_centroids(masks / "sub-verse004_seg-subreg_ctd.json", mask.grid)
    write_centroids(spine, tmp_path / "verse004_iso-ctd.json", mask.grid, format="verse-1mm")
    for given in (None, mask):
        found = read_centroids(tmp_path / "verse004_iso-ctd.json", mask.grid, mask=given)
        np.testing.assert_allclose(found.centroids_mm, spine.centroids_mm, atol=1e-2)


@pytest.mark.parametrize("name", ["verse006", "verse008"])
def test_real_masks_lie_on_their_scans(shared_data, name):
    image = read_image(shared_data / "masks" / f"sub-{name}_ct.nii.gz")
    path = shared_data / "masks" / f"sub-{name}_seg-vert_msk.nii.gz"
    header = nib.load(path).header
    assert header["sform_code"] == 0  # only the qform is set in these files
    np.testing.assert_allclose(image.grid.affine, header.get_qform(), atol=1e-4)
    mask = read_mask(path, image.grid)
    assert image.data[mask.data > 0].mean() > image.data[mask.data == 0].mean() + 200


def test_a_real_mask_of_another_scan_is_refused(shared_data):
    grid = read_image(shared_data / "masks" / "sub-verse006_ct.nii.gz").grid
    with pytest.raises(AnnotationError, match="another grid"):
        read_mask(shared_data / "masks" / "sub-verse008_seg-vert_msk.nii.gz", grid)


def test_a_real_mask_of_sub_regions_is_not_taken_for_vertebrae(shared_data):
    with pytest.raises(AnnotationError, match="not a vertebra mask"):
        read_mask(shared_data / "masks" / "sub-ct_seg-subreg_label-22_msk.nii.gz")
    assert np.unique(
        read_mask(shared_data / "masks" / "sub-ct_seg-vert_label-22_msk.nii.gz").data
    ).tolist() == [0, 21, 22, 23]
