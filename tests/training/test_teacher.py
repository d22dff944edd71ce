"""A teacher's masks: only unknown voxels change, each goes to the centroid it points to."""

from dataclasses import replace

import numpy as np
from spine_toys import NAMES, toy_scan

from spondyl.anatomy import label_of
from spondyl.inference.evidence import Evidence
from spondyl.inference.ways import Ways
from spondyl.training.corpus import UNKNOWN, prepare_case
from spondyl.training.teacher import taught
from spondyl.volume import Grid, Volume


def sure_of_bone(scan: Volume, region: Grid) -> tuple[Volume, Evidence]:
    """Sure where it is bright or air, unsure between; every voxel points straight to the nearest centre."""
    hu = scan.resampled(region, fill=-1000).data
    logits = np.where(hu > 200, 6.0, np.where(hu < 60, -6.0, 0.0)).astype(np.float32)
    world = region.to_world(np.stack(np.meshgrid(*map(np.arange, region.shape), indexing="ij"), axis=-1))
    _, spine = toy_scan()
    all_ways = spine.centroids_mm - world[..., None, :]
    nearest = np.linalg.norm(all_ways, axis=-1).argmin(axis=-1)
    offsets = np.take_along_axis(all_ways, nearest[..., None, None], axis=-2)[..., 0, :]
    nothing = np.zeros((0, 1, 1, 1), np.float32)
    ways = Ways(np.moveaxis(offsets, -1, 0).astype(np.float32), region)
    return Volume(logits, region), Evidence(logits, logits, ways, nothing, region)


def test_unknown_voxels_get_the_label_of_the_centroid_they_point_to():
    image, spine = toy_scan()
    _, truth = toy_scan(with_mask=True)
    case = prepare_case("toy", image, spine)
    learnt = taught(case, sure_of_bone)
    exact = prepare_case("toy", image, truth).labels
    changed = case.labels != learnt.labels
    assert (case.labels[changed] == UNKNOWN).all()
    assert (learnt.labels == UNKNOWN).sum() < (case.labels == UNKNOWN).sum()
    for name in NAMES:
        label = label_of(name)
        own, true = learnt.labels == label, exact == label
        assert (own & true).sum() > 0.8 * true.sum()
        assert (own & ~true & (exact > 0)).sum() == 0


def test_an_unsure_teacher_changes_nothing():
    image, spine = toy_scan()
    case = prepare_case("toy", image, spine)

    def unsure(scan: Volume, region: Grid) -> tuple[Volume, Evidence]:
        seen, maps = sure_of_bone(scan, region)
        return replace(seen, data=np.full_like(seen.data, -1.5)), maps

    bright = taught(replace(case, image=np.full_like(case.image, 150)), unsure)
    np.testing.assert_array_equal(bright.labels, case.labels)


def test_exact_masks_need_no_teacher():
    image, spine = toy_scan(with_mask=True)
    case = prepare_case("toy", image, spine)
    assert taught(case, sure_of_bone) is case


def test_bone_beside_a_vertebra_is_not_taught_as_background():
    image, spine = toy_scan()
    case = prepare_case("toy", image, spine)

    def blind_to_bone_beside(scan: Volume, region: Grid) -> tuple[Volume, Evidence]:
        seen, maps = sure_of_bone(scan, region)
        return replace(seen, data=np.where(np.arange(region.shape[1])[:, None] % 2, -6, seen.data)), maps

    learnt = taught(case, blind_to_bone_beside)
    bright = (case.image > 250) & (case.labels == UNKNOWN)
    assert (learnt.labels[bright] == UNKNOWN).any()
    assert not (learnt.labels[bright] == 0).any()
