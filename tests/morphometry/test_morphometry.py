"""Measurements of a phantom against its plan, and their refusals."""

import json
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from spondyl.errors import AnnotationError
from spondyl.io.images import NOT_HU
from spondyl.morphometry import measure
from spondyl.spine import Spine, Vertebra
from spondyl.volume import Grid, Volume

PLACES = {"anterior": "front", "middle": "middle", "posterior": "back"}
INNER = ("T12", "L1", "L2", "L3")


def refusal(measurement):
    assert measurement.value is None
    assert measurement.refused.message.endswith(".")
    return measurement.refused.code


def part_of(phantom, names, **changes):
    """The phantom's image and mask with some of its vertebrae only."""
    kept = tuple(replace(v, **changes) for v in phantom.spine if v.name in names)
    return Spine(kept, phantom.spine.mask)


@pytest.mark.parametrize("name", INNER)
def test_heights_are_those_of_the_plan(lumbar, measured, name):
    truth = lumbar.truth["vertebrae"][name]["heights_mm"]
    for place, word in PLACES.items():
        value = measured[name][f"height_{place}"]
        assert value.unit == "mm"
        assert abs(value.value - truth[word]) < 1.5
        assert 0.2 < value.uncertainty < 1.5


def test_mean_error_of_heights(lumbar, measured):
    errors = [
        measured[name][f"height_{place}"].value - lumbar.truth["vertebrae"][name]["heights_mm"][word]
        for name in INNER
        for place, word in PLACES.items()
    ]
    assert np.abs(errors).mean() < 0.8


def test_grades_are_those_drawn(lumbar, measured):
    for name in INNER:
        fracture = lumbar.truth["vertebrae"][name]["fracture"]
        row = measured[name]
        if fracture is None:
            assert row["genant_grade"].value == 0
            assert row.deformity is None
        else:
            assert abs(row["height_loss"].value - fracture["loss"]) < 0.08
            assert row.deformity == fracture["kind"]
            assert refusal(row["trabecular_hu"]) == "deformed"
    assert any(lumbar.truth["vertebrae"][name]["fracture"] for name in INNER)


def test_volume_counts_voxels(lumbar, measured):
    mask = lumbar.spine.mask
    count = int((mask.data == lumbar.spine["L1"].label).sum())
    value = measured["L1"]["volume"]
    assert value.value == pytest.approx(count * np.prod(mask.grid.spacing_mm) / 1000)
    assert 0 < value.uncertainty < 0.2 * value.value


def test_discs_lie_between_neighbours(lumbar, measured):
    names = [(disc.upper, disc.lower) for disc in measured.discs]
    labels = lumbar.spine.labels
    assert names == list(pairwise(labels))
    rows = lumbar.truth["vertebrae"]
    above, below = (rows[name] for name in ("L1", "L2"))
    gap = np.linalg.norm(np.subtract(above["centre_mm"], below["centre_mm"]))
    gap -= (above["heights_mm"]["middle"] + below["heights_mm"]["middle"]) / 2
    assert measured.disc("L1", "L2")["height_middle"].value == pytest.approx(gap, abs=1.0)
    with pytest.raises(KeyError):
        measured.disc("L1", "L3")


def test_orientation_does_not_matter(lumbar, measured):
    image, mask = lumbar.image.reoriented("LAS"), lumbar.spine.mask.reoriented("LAS")
    again = measure(image, replace(lumbar.spine, mask=mask))
    for (_, name, first), (_, _, second) in zip(measured.rows(), again.rows(), strict=True):
        assert (first.value is None) == (second.value is None), name
        if first.value is not None:
            assert second.value == pytest.approx(first.value, abs=2e-2), name


def test_a_coarse_mask_is_forgiven_by_the_ct(lumbar):
    mask = lumbar.spine.mask
    coarse = mask.resampled(mask.grid.resampled(3.0), order=0).resampled(mask.grid, order=0)
    spine = Spine(tuple(v for v in lumbar.spine if v.name in INNER), coarse)
    mean = {}
    for edge in ("hu", "mask"):
        found = measure(lumbar.image, spine, edge=edge)
        values = {
            (name, word): found[name][f"height_{place}"].value
            for name in INNER
            for place, word in PLACES.items()
        }
        assert edge == "mask" or None not in values.values()
        truth = lumbar.truth["vertebrae"]
        errors = [
            value - truth[name]["heights_mm"][word]
            for (name, word), value in values.items()
            if value is not None
        ]
        mean[edge] = np.abs(errors).mean()
    assert mean["hu"] < 1.0
    assert mean["hu"] < mean["mask"]


def test_what_the_ct_does_not_show_is_not_measured(lumbar):
    """A scan without contrast between bone and disc: no endplate is made up from noise."""
    data = np.random.default_rng(3).normal(60, 12, lumbar.image.grid.shape).astype(np.float32)
    found = measure(Volume(data, lumbar.image.grid), part_of(lumbar, ("L1", "L2")))
    for name in ("L1", "L2"):
        assert refusal(found[name]["height_middle"]) in ("endplate_incomplete", "body_not_found")
    assert refusal(found.disc("L1", "L2")["height_middle"]) in ("endplate_not_found", "body_not_found")


def test_the_border_to_a_scan_filled_up_with_air_is_no_endplate(lumbar):
    """As where a series was padded to a common size: the border of the body is no endplate."""
    image = lumbar.image.reoriented("RAS")
    spine = part_of(lumbar, ("L1", "L2"))
    spine = replace(spine, mask=spine.mask.reoriented("RAS"))
    top = int(image.grid.to_voxel(spine["L1"].centroid_mm)[2]) + 4
    data, labels = image.data.copy(), spine.mask.data.copy()
    data[:, :, top:], labels[:, :, top:] = -1000, 0
    found = measure(Volume(data, image.grid), replace(spine, mask=Volume(labels, image.grid)))
    assert refusal(found["L1"]["height_middle"]) in ("partly_visible", "endplate_incomplete")
    assert found["L2"]["height_middle"].value is not None


def test_everything_is_refused_without_a_mask(lumbar):
    found = measure(lumbar.image, replace(lumbar.spine, mask=None))
    assert {refusal(m) for structure, _, m in found.rows() if structure != "spine"} == {"no_mask"}
    assert len(found.vertebrae) == len(lumbar.spine)


def test_vertebra_missing_in_the_mask(lumbar):
    data = lumbar.spine.mask.data.copy()
    data[data == lumbar.spine["L1"].label] = 0
    found = measure(lumbar.image, replace(lumbar.spine, mask=Volume(data, lumbar.image.grid)))
    assert refusal(found["L1"]["height_middle"]) == "no_mask"
    assert refusal(found.disc("L1", "L2")["height_middle"]) == "no_mask"
    assert found["L2"]["height_middle"].value is not None


def test_doubtful_vertebra_is_refused(lumbar):
    found = measure(lumbar.image, part_of(lumbar, INNER, probability=0.3))
    assert refusal(found["L1"]["height_anterior"]) == "low_probability"
    assert refusal(found.angles["coronal_cobb"]) == "neighbour_missing"
    sure = measure(lumbar.image, part_of(lumbar, INNER, probability=0.9))
    assert sure["L1"]["height_anterior"].value is not None


def test_no_density_where_values_may_not_be_hounsfield_units(lumbar):
    """Heights need no units; a scan cut to grey levels gave densities half as high again."""
    image = Volume(lumbar.image.data, lumbar.image.grid, (NOT_HU,))
    found = measure(image, part_of(lumbar, INNER))
    assert refusal(found["L1"]["trabecular_hu"]) == "not_hounsfield"
    assert found["L1"]["height_middle"].value is not None


def test_metal_is_refused(lumbar):
    data = lumbar.image.data.copy()
    i, j, k = np.rint(lumbar.image.grid.to_voxel(lumbar.spine["L1"].centroid_mm)).astype(int)
    data[i - 2 : i + 3, j - 2 : j + 3, k - 2 : k + 3] = 3000
    found = measure(Volume(data, lumbar.image.grid), part_of(lumbar, INNER))
    assert refusal(found["L1"]["height_middle"]) == "implant"
    assert refusal(found["L1"]["trabecular_hu"]) == "implant"
    assert found["L3"]["height_middle"].value is not None


def test_cut_body_is_refused(lumbar):
    image, mask = (v.reoriented("RAS") for v in (lumbar.image, lumbar.spine.mask))
    stop = int(image.grid.to_voxel(lumbar.spine["L1"].centroid_mm)[2]) + 4
    sizes = (*image.grid.shape[:2], stop)
    spine = Spine(part_of(lumbar, INNER[1:]).vertebrae, mask.cropped((0, 0, 0), sizes))
    found = measure(image.cropped((0, 0, 0), sizes), spine)
    assert refusal(found["L1"]["height_middle"]) == "partly_visible"
    assert refusal(found["L1"]["volume"]) == "partly_visible"
    assert found["L2"]["height_middle"].value is not None


@pytest.mark.parametrize(("slice_mm", "height", "grade"), [(5.0, False, False), (2.9, True, False)])
def test_thick_slices_are_refused(lumbar, slice_mm, height, grade):
    grid = lumbar.image.reoriented("RAS").grid.resampled((1.2, 1.2, slice_mm))
    spine = Spine(part_of(lumbar, INNER[1:]).vertebrae, lumbar.spine.mask.resampled(grid, order=0))
    found = measure(lumbar.image.resampled(grid), spine)
    for name, given in (("height_middle", height), ("genant_grade", grade)):
        if given:
            assert found["L1"][name].value is not None
        else:
            assert refusal(found["L1"][name]) == "thick_slices"


def test_foreign_mask_is_an_error(lumbar):
    grid = Grid.from_spacing((20, 20, 20), (1, 1, 1))
    spine = replace(lumbar.spine, mask=Volume(np.zeros(grid.shape, np.uint8), grid))
    with pytest.raises(AnnotationError, match="grid"):
        measure(lumbar.image, spine)


def test_centroid_outside_the_scan(lumbar):
    spine = Spine((Vertebra(20, (1e4, 0, 0)),), lumbar.spine.mask)
    assert refusal(measure(lumbar.image, spine)["L1"]["height_middle"]) == "no_mask"


def test_nothing_to_measure(lumbar):
    found = measure(lumbar.image, Spine())
    assert found.vertebrae == ()
    assert refusal(found.angles["coronal_cobb"]) == "neighbour_missing"


def test_progress_is_told(lumbar):
    calls = []
    measure(lumbar.image, replace(lumbar.spine, mask=None), progress=lambda a, b: calls.append((a, b)))
    assert calls == [(i + 1, len(lumbar.spine)) for i in range(len(lumbar.spine))]


def test_json_and_csv(measured, tmp_path):
    measured.to_json(tmp_path / "m.json")
    content = json.loads((tmp_path / "m.json").read_text(encoding="utf-8"))
    assert content["schema_version"] == 1
    l1 = next(row for row in content["vertebrae"] if row["name"] == "L1")
    assert l1["values"]["height_middle"]["value"] == pytest.approx(
        measured["L1"]["height_middle"].value, abs=1e-3
    )
    measured.to_csv(tmp_path / "m.csv")
    lines = (tmp_path / "m.csv").read_text(encoding="utf-8").splitlines()
    assert len(lines) == 1 + len(list(measured.rows()))
    assert lines[0].startswith("structure,measurement,value,unit")
    assert any("partly_visible" in line for line in lines)


@pytest.mark.data
def test_real_scan_with_a_mask_drawn_by_hand(shared_data):
    """Sanity only: adult sizes, and both ways to place endplates agree within the mask's voxel."""
    from spondyl.datasets.centres import body_centres
    from spondyl.io import read_image, read_mask

    volume = read_image(shared_data / "masks" / "sub-verse008_ct.nii.gz")
    mask = read_mask(shared_data / "masks" / "sub-verse008_seg-vert_msk.nii.gz", volume.grid)
    spine = Spine.from_centroids(body_centres(mask), mask)
    by_ct, by_mask = (measure(volume, spine, edge=edge) for edge in ("hu", "mask"))
    pairs = [
        (a.value, b.value)
        for (_, name, a), (_, _, b) in zip(by_ct.rows(), by_mask.rows(), strict=True)
        if name.startswith("height_") and name != "height_loss" and a.value is not None
    ]
    assert len(pairs) >= 12
    assert np.abs(np.subtract(*np.array(pairs).T)).max() < 2.5
    assert 22 < by_ct["L1"]["height_posterior"].value < 32
    assert 30 < by_ct["L1"]["depth"].value < 38
    assert 60 < by_ct["L1"]["trabecular_hu"].value < 140
    assert by_ct["L2"]["genant_grade"].value >= 1
    assert by_ct["L1"]["genant_grade"].value == 0
