"""Every flag is raised by its condition, and none by an ordinary scan."""

from dataclasses import replace

import numpy as np
import pytest

from spondyl.anatomy import LABEL_OF, ORDER, RANK
from spondyl.flag import Flag
from spondyl.phantom import PhantomOptions, make_phantom
from spondyl.quality import CODES, Severity, checked, checked_names, severity_of, title_of
from spondyl.quality.numbering import check_numbering
from spondyl.spine import Numbering, Spine, Vertebra
from spondyl.volume import Grid, Volume

ENDS = ("T7", "L3")  # of the phantom; the border of the scan cuts their processes


def codes(spine):
    """``{code: names of the vertebrae}``; no names: the scan's own flag. Cut ends are left out."""
    found = {flag.code: [] for flag in spine.flags}
    for vertebra in spine:
        for flag in vertebra.flags:
            if flag.code != "partly_visible" or vertebra.name not in ENDS:
                found.setdefault(flag.code, []).append(vertebra.name)
    return found


def turned(phantom, *axes):
    """Image, mask and centroids with world axes reversed, named in order from the new top."""
    image, mask = phantom.image.reoriented("RAS"), phantom.spine.mask.reoriented("RAS")
    last = np.array(image.grid.shape) - 1
    voxels = image.grid.to_voxel(phantom.spine.centroids_mm)
    for axis in axes:
        voxels[:, axis] = last[axis] - voxels[:, axis]
    labels = list(phantom.spine.labels)
    now = labels[::-1] if 2 in axes else labels
    table = np.zeros(256, np.uint8)
    table[labels] = now
    spine = Spine(
        tuple(Vertebra(n, p) for n, p in zip(now, image.grid.to_world(voxels), strict=True)),
        Volume(np.flip(table[mask.data], axes), mask.grid),
    )
    return spine, Volume(np.flip(image.data, axes), image.grid)


def test_an_ordinary_scan_has_no_flags(upright):
    spine = checked(upright.spine, upright.image)
    assert codes(spine) == {}
    assert [v.name for v in spine if v.flags] == list(ENDS)


@pytest.mark.parametrize(
    ("axes", "word"), [((2,), "upside down"), ((1,), "front and back"), ((1, 2), "front and back")]
)
def test_a_turned_scan(upright, axes, word):
    spine = checked(*turned(upright, *axes))
    assert list(codes(spine)) == ["orientation_doubtful"]
    assert word in spine.flags[0].message


def test_left_and_right_cannot_be_told(upright):
    assert codes(checked(*turned(upright, 0))) == {}


def test_upside_down_is_seen_in_the_spacing_alone(upright):
    spine, image = turned(upright, 2)
    assert list(codes(checked(replace(spine, mask=None), image))) == ["orientation_doubtful"]


@pytest.mark.parametrize(("behind_mm", "doubtful"), [(9.0, False), (6.5, True)])
def test_arches_hardly_behind_the_bodies(behind_mm, doubtful):
    """As masks of the network show them where front and back are swapped; upright there is 9 mm and more."""
    grid = Grid.from_spacing((20, 60, 100), (1, 1, 1))
    data, points = np.zeros(grid.shape, np.uint8), {}
    for place, label in enumerate(range(20, 23)):
        middle = 80 - 30 * place
        points[label] = (10, 40, middle)
        back = round(40 - 2 * behind_mm)
        data[4:16, back:41, middle - 8 : middle + 8] = label
    spine = Spine.from_centroids(points, Volume(data, grid))
    found = codes(checked(spine, Volume(np.full(grid.shape, 40, np.int16), grid)))
    assert ("orientation_doubtful" in found) == doubtful


def test_a_spine_across_the_scan(upright):
    points = upright.spine.centroids_mm[:, [2, 1, 0]]
    points[:, 2] = -np.arange(len(points))  # still named from top to bottom
    spine = Spine.from_centroids(dict(zip(upright.spine.labels, points, strict=True)))
    assert "across" in checked(spine, upright.image).flags[0].message


def test_metal_in_a_phantom():
    options = PhantomOptions(
        levels=("L1", "L4"), field_of_view_mm=(100, 130, 200), spacing_mm=(1.5, 1.5, 1.5), table=False
    )
    found = codes(
        checked(*(getattr(make_phantom(2, replace(options, metal=True)), x) for x in ("spine", "image")))
    )
    assert set(found) <= {"implant", "partly_visible"}
    assert len(found["implant"]) >= 2


def with_voxels(upright, change):
    image = upright.image.reoriented("RAS")
    return upright.spine, Volume(change(image.data.astype(np.float32)), image.grid)


def test_cement_in_one_body(upright):
    def cement(data):
        i, j, k = upright.image.reoriented("RAS").grid.to_voxel(upright.spine["T12"].centroid_mm).astype(int)
        data[i - 2 : i + 3, j - 2 : j + 3, k - 2 : k + 3] = 2600
        return data

    spine, image = with_voxels(upright, cement)
    assert codes(checked(_on(spine, image), image)) == {"implant": ["T12"]}


def _on(spine, image):
    """The spine with its mask turned like an image."""
    return replace(spine, mask=spine.mask.reoriented(image.grid.codes))


def test_noise(upright):
    spine, image = with_voxels(upright, lambda x: x + np.random.default_rng(1).normal(0, 110, x.shape))
    found = codes(checked(_on(spine, image), image))
    assert set(found) == {"noise"}


@pytest.mark.parametrize("shift_mm", [7.5, -9.0])
def test_movement(upright, shift_mm):
    def move(data):
        middle = data.shape[2] // 2
        data[:, :, middle:] = np.roll(data[:, :, middle:], round(shift_mm / 1.5), 1)
        return data

    spine, image = with_voxels(upright, move)
    found = codes(checked(_on(spine, image), image))
    height = image.grid.to_world((0, 0, image.grid.shape[2] // 2))[2]
    nearest = min(spine, key=lambda v: abs(v.centroid_mm[2] - height))
    assert found == {"motion": [nearest.name]}


def test_missing_slices(upright):
    image = upright.image.reoriented("RAS")
    middle = image.grid.shape[2] // 2
    kept = np.delete(image.data, range(middle, middle + 8), 2)
    shown = Volume(kept, image.grid.cropped((0, 0, 0), kept.shape))
    spine = replace(upright.spine, mask=None)
    assert "motion" in codes(checked(spine, shown))


def test_a_vertebra_cut_by_the_border(upright):
    image, mask = upright.image.reoriented("RAS"), upright.spine.mask.reoriented("RAS")
    top = int(image.grid.to_voxel(upright.spine["T8"].centroid_mm)[2])
    stop = (*image.grid.shape[:2], top)
    spine = Spine(upright.spine.vertebrae[2:], mask.cropped((0, 0, 0), stop))
    assert codes(checked(spine, image.cropped((0, 0, 0), stop))) == {}
    with_t8 = replace(spine, vertebrae=upright.spine.vertebrae[1:])
    assert codes(checked(with_t8, image.cropped((0, 0, 0), stop))) == {"partly_visible": ["T8"]}


def test_a_centroid_without_voxels(upright):
    table = np.arange(256, dtype=np.uint8)
    table[LABEL_OF["T9"]] = 0
    mask = upright.spine.mask
    spine = replace(upright.spine, mask=Volume(table[mask.data], mask.grid))
    assert codes(checked(spine, upright.image)) == {"mask_missing": ["T9"]}


def test_a_centroid_with_hardly_any_voxels(upright):
    """As a network gives it where nothing is: a few voxels beyond the last vertebra."""
    data = upright.spine.mask.data.copy()
    voxels = np.flatnonzero(data == LABEL_OF["T9"])
    data.reshape(-1)[voxels[: round(0.85 * len(voxels))]] = 0
    spine = checked(replace(upright.spine, mask=Volume(data, upright.image.grid)), upright.image)
    assert codes(spine) == {"mask_missing": ["T9"]}
    assert "quarter" in spine["T9"].flags[0].message


def without(spine, *names):
    return Spine(tuple(v for v in spine if v.name not in names))


def test_a_gap(upright):
    spine = checked_names(without(upright.spine, "T9", "T10"))
    assert codes(spine) == {"gap": ["T11"]}
    assert spine["T11"].flags[0].message == "T9, T10 were not found between T8 and T11."


def test_a_missing_t12_is_told_from_a_missed_one(upright):
    assert codes(checked_names(without(upright.spine, "T12"))) == {"gap": ["L1"]}
    usual = [x for x in ORDER if x not in (LABEL_OF["T13"], LABEL_OF["L6"])]
    lower = {
        label: usual[usual.index(label) + 1]
        for label in upright.spine.labels
        if RANK[label] >= RANK[LABEL_OF["T12"]]
    }
    spine = checked_names(replace(upright.spine, mask=None).relabelled(lower))
    assert codes(spine) == {"enumeration_anomaly": []}
    assert "no T12" in spine.flags[0].message


def test_a_spacing_outlier(upright):
    points = {v.label: np.array(v.centroid_mm) for v in upright.spine}
    points[LABEL_OF["T10"]] += (0, 0, 13)
    assert codes(checked_names(Spine.from_centroids(points))) == {"spacing_outlier": ["T10", "T11"]}


def test_suspected_anomalies_and_doubt():
    vertebrae = tuple(Vertebra(18 + i, (0, 0, -25.0 * i), 0.55) for i in range(3))
    other = Numbering((19, 28, 20), 0.2, "with T13")
    found = check_numbering(Spine(vertebrae, alternatives=(other,)))
    assert [finding.flag.message for finding in found] == [
        "Only 3 vertebrae were found, and no name is surer than 55%; it may be no spine at all.",
        "The spine may have a T13 (probability 20%).",
    ]
    assert list(check_numbering(Spine(tuple(replace(v, probability=0.9) for v in vertebrae)))) == []
    row = tuple(Vertebra(15 + i, (0, 0, -25.0 * i), 0.55) for i in range(5))
    assert list(check_numbering(Spine(row))) == []  # certainly a spine, uncertainly named


def test_remarks_of_the_reader_come_first():
    grid = Grid.from_spacing((20, 20, 20), (2, 2, 2))
    remark = Flag("orientation_doubtful", "Nothing is said about it.")
    empty = Spine(mask=Volume(np.zeros(grid.shape, np.uint8), grid), flags=(Flag("no_spine", "None."),))
    spine = checked(empty, Volume(np.zeros(grid.shape, np.int16), grid, (remark,)))
    assert [flag.code for flag in spine.flags] == ["no_spine", "orientation_doubtful"]


def test_what_is_said_already_is_not_said_again(upright):
    first = checked(*turned(upright, 2))
    assert codes(checked(first, upright.image)) == codes(first)
    assert len(checked(first, upright.image).flags) == 1


def test_every_code_has_a_severity_and_a_title():
    assert severity_of(Flag("gap", "")) is Severity.CHECK
    assert severity_of(Flag("noise", "")) is Severity.NOTE
    assert severity_of(Flag("new_one", "")) is Severity.CHECK
    assert title_of(Flag("new_one", "")) == "new one"
    assert all(code.title for code in CODES.values())


@pytest.mark.data
def test_real_scans_with_their_true_masks(shared_data):
    from spondyl.datasets.centres import body_centres
    from spondyl.io import read_image, read_mask

    for name in ("sub-verse006", "sub-verse008"):
        image = read_image(shared_data / "masks" / f"{name}_ct.nii.gz")
        mask = read_mask(shared_data / "masks" / f"{name}_seg-vert_msk.nii.gz", image.grid)
        spine = checked(Spine.from_centroids(body_centres(mask), mask), image)
        assert set(codes(spine)) <= {"partly_visible"}
