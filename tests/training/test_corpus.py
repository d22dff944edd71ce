"""Preparing scans for training."""

import numpy as np
import pytest
from spine_toys import NAMES, toy_scan

from spondyl.anatomy import label_of
from spondyl.errors import SampleError
from spondyl.spine import Spine
from spondyl.training.corpus import UNKNOWN, prepare_case, read_case, write_case


@pytest.mark.parametrize("codes", ["RAS", "LPS", "PIR"])
def test_labels_and_heat_sit_on_the_centroids_in_any_orientation(codes):
    scan, spine = toy_scan(codes)
    case = prepare_case("toy", scan, spine)
    assert case.grid.codes == "RAS"
    assert case.grid.spacing_mm == pytest.approx((2.0,) * 3)
    assert not case.exact
    for vertebra in spine:
        index = tuple(np.round(case.grid.to_voxel(vertebra.centroid_mm)).astype(int))
        assert case.labels[index] == vertebra.label
        assert case.heat[index] > 200
        assert case.image[index] == pytest.approx(400, abs=60)
    assert (case.heat > 0).mean() < 0.2


def test_without_a_mask_bone_beside_the_bodies_and_what_lies_beyond_the_ends_is_unknown():
    scan, spine = toy_scan()
    middle = Spine(spine.vertebrae[1:3])
    case = prepare_case("toy", scan, middle)
    for name in (NAMES[0], NAMES[-1]):  # there, but not annotated
        index = tuple(np.round(case.grid.to_voxel(spine[name].centroid_mm)).astype(int))
        assert case.labels[index] == UNKNOWN
    assert set(np.unique(case.labels)) == {0, *middle.labels, UNKNOWN}
    far = tuple(np.round(case.grid.to_voxel((4.0, 44.0, 74.0))).astype(int))
    assert case.labels[far] == 0


def test_above_c1_is_background_for_certain():
    scan, spine = toy_scan()
    names = ("C1", "C2", "C3")
    neck = Spine.from_centroids(
        {label_of(n): v.centroid_mm for n, v in zip(names, spine.vertebrae[1:], strict=True)}
    )
    case = prepare_case("toy", scan, neck)
    above = tuple(np.round(case.grid.to_voxel((40.0, 44.0, 103.0))).astype(int))
    assert case.labels[above] == 0


def test_a_true_mask_is_taken_as_it_is():
    scan, spine = toy_scan("LPS", with_mask=True)
    case = prepare_case("toy", scan, spine)
    assert case.exact
    assert UNKNOWN not in case.labels
    for label in spine.labels:
        before = (spine.mask.data == label).sum() * np.prod(spine.mask.grid.spacing_mm)
        after = (case.labels == label).sum() * 2.0**3
        assert after == pytest.approx(before, rel=0.2)


def test_a_scan_without_vertebrae_is_refused():
    scan, _ = toy_scan()
    with pytest.raises(SampleError, match="no vertebra"):
        prepare_case("toy", scan, Spine())


def test_centroids_of_another_scan_are_refused_and_one_inside_is_enough():
    scan, spine = toy_scan()
    far = {v.label: np.array(v.centroid_mm) + 500 for v in spine}
    with pytest.raises(SampleError, match="no annotated vertebra lies inside the scan"):
        prepare_case("toy", scan, Spine.from_centroids(far))
    near = spine.vertebrae[0]
    prepare_case("toy", scan, Spine.from_centroids({**far, near.label: near.centroid_mm}))


def test_cases_come_back_from_disk_as_they_were(tmp_path):
    scan, spine = toy_scan(with_mask=True)
    case = prepare_case("toy", scan, spine, tissues=spine.mask)
    write_case(case, tmp_path / "toy.npz")
    back = read_case(tmp_path / "toy.npz")
    for name in ("image", "labels", "heat", "tissues", "centroids_mm"):
        np.testing.assert_array_equal(getattr(back, name), getattr(case, name))
    assert back.grid.is_close(case.grid)
    assert back.exact


def test_a_damaged_case_is_named(tmp_path):
    write_case(prepare_case("toy", *toy_scan()), tmp_path / "good.npz")
    good = (tmp_path / "good.npz").read_bytes()
    flipped = bytearray(good)
    flipped[len(good) // 3] ^= 255
    for damaged in (b"PK nothing", good[:-100], good[:1000], bytes(flipped), b""):
        (tmp_path / "bad.npz").write_bytes(damaged)
        with pytest.raises(SampleError, match=r"bad\.npz"):
            read_case(tmp_path / "bad.npz")
