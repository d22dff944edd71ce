"""``result.json``: the schema on disk is that of the code, and what is written reads back."""

import json
from dataclasses import replace
from pathlib import Path

import jsonschema
import numpy as np
import pytest

from spondyl.errors import AnnotationError
from spondyl.result import Result, json_schema, read_result
from spondyl.spine import Flag, Numbering, Spine, Vertebra
from spondyl.volume import Grid

SCHEMA = Path(__file__).parents[1] / "docs" / "result-schema.json"
GRID = Grid.from_spacing((10, 20, 30), (0.5, 0.7, 2.0), "LPS")


def rich_spine():
    """Uses every field there is."""
    vertebrae = (
        Vertebra(19, (1.5, -2.25, 3.125), 0.9, (Flag("partly_visible", "T12 is cut."),)),
        Vertebra(28, (1.0, 2.0, -33.0), None),
        Vertebra(20, (0.0, 0.0, -70.0), 0.25),
    )
    return Spine(
        vertebrae,
        numbering_probability=0.6,
        alternatives=(Numbering((20, 21, 22), 0.3, "one level lower"),),
        flags=(Flag("anomaly", "A thirteenth thoracic vertebra."),),
        provenance={
            "program": {"name": "spondyl", "version": "1.2.3"},
            "model": {
                "name": "m",
                "schema_version": 1,
                "recipe": "spondyl",
                "sha256": {"a.onnx": "00"},
                "fingerprint": "ff",
            },
            "engine": {"name": "openvino", "device": "cpu", "precision": "f32"},
            "timings_s": {"read": 0.1, "detection": 1.5},
            "voxel_counts": {"T12": 4000},
        },
    )


def test_a_spine_survives_the_way_to_disk_and_back(tmp_path):
    spine = rich_spine()
    Result.of(spine, GRID, file="scan.nii.gz").write(tmp_path / "result.json")
    read = read_result(tmp_path)
    assert read.vertebrae == spine.vertebrae
    assert read.alternatives == spine.alternatives
    assert read.flags == spine.flags
    assert read.numbering_probability == spine.numbering_probability
    assert read.provenance == spine.provenance
    result = Result.read(tmp_path / "result.json")
    assert result.grid.is_close(GRID)
    assert result.scan.orientation == "LPS"


@pytest.mark.parametrize("spine", [rich_spine(), Spine(), Spine.from_centroids({1: (0, 0, 0)})])
def test_what_is_written_fits_the_published_schema(tmp_path, spine):
    Result.of(spine, GRID).write(tmp_path / "result.json")
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.Draft202012Validator(schema).validate(json.loads((tmp_path / "result.json").read_text()))


def test_the_published_schema_refuses_what_is_wrong():
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    document = Result.of(rich_spine(), GRID).model_dump(mode="json")
    for change in ({"schema_version": 2}, {"surprise": 1}, {"vertebrae": [{"name": "L1"}]}):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.Draft202012Validator(schema).validate({**document, **change})


def test_the_published_schema_is_that_of_the_code():
    assert json.loads(SCHEMA.read_text(encoding="utf-8")) == json_schema(), (
        "docs/result-schema.json is out of date; write json_schema() there, and raise SCHEMA_VERSION "
        "if a program that reads the old format could not read the new one"
    )


def test_positions_are_rounded_to_micrometres():
    spine = Spine.from_centroids({20: (1 / 3, -2 / 3, 1e-9)})
    assert Result.of(spine, GRID).vertebrae[0].centroid_mm == (0.333, -0.667, 0.0)


def test_the_mask_is_read_only_when_asked(tmp_path):
    from spondyl.io import write_mask
    from spondyl.volume import Volume

    mask = Volume(np.full(GRID.shape, 20, np.uint8), GRID)
    write_mask(mask, tmp_path / "mask.nii.gz")
    spine = replace(Spine.from_centroids({20: (0, 0, 0)}), mask=mask)
    Result.of(spine, GRID, files={"mask": "mask.nii.gz"}).write(tmp_path / "result.json")
    assert read_result(tmp_path).mask is None
    np.testing.assert_array_equal(read_result(tmp_path, mask=True).mask.data, mask.data)


def _damage(path, **changes):
    Result.of(rich_spine(), GRID).write(path)
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"schema_version": 99}, "version 1 expected, found 99"),
        ({"scan": None}, "damaged: scan"),
        ({"unknown": 1}, "damaged: unknown"),
        (
            {"vertebrae": [{"name": "L1", "label": 21, "centroid_mm": [0, 0, 0], "probability": None}]},
            "label 21 is L2, not L1",
        ),
    ],
)
def test_damage_is_named(tmp_path, changes, word):
    _damage(tmp_path / "result.json", **changes)
    with pytest.raises(AnnotationError, match=word):
        read_result(tmp_path / "result.json")


@pytest.mark.parametrize("corner", [1e21, 0.0])
def test_a_grid_that_is_none_is_named(tmp_path, corner):
    Result.of(rich_spine(), GRID).write(tmp_path / "result.json")
    scan = json.loads((tmp_path / "result.json").read_text())["scan"]
    scan["affine"][0] = [corner] * 4
    _damage(tmp_path / "result.json", scan=scan)
    with pytest.raises(AnnotationError, match=r"result\.json: damaged: scan: the affine"):
        read_result(tmp_path / "result.json")


def test_no_file_and_no_json_are_named(tmp_path):
    with pytest.raises(AnnotationError, match="cannot be read"):
        read_result(tmp_path)
    (tmp_path / "result.json").write_text("hello")
    with pytest.raises(AnnotationError, match="not valid JSON"):
        read_result(tmp_path)
