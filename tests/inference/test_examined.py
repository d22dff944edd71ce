"""What every pipeline's result goes through."""

import json

import jsonschema
import numpy as np
import pytest

from spondyl.inference import load_pipeline
from spondyl.inference.examined import ExaminedPipeline
from spondyl.io import read_image, write_image
from spondyl.outputs import write_outputs
from spondyl.result import json_schema
from spondyl.spine import Flag, Spine, Vertebra
from spondyl.volume import Grid, Volume

GRID = Grid.from_spacing((30, 30, 40), (3, 3, 3), "LPS")
REMARK = Flag("orientation_doubtful", "Nothing is said about it.")


def scan():
    return Volume(np.random.default_rng(0).normal(0, 20, GRID.shape).astype(np.int16), GRID, (REMARK,))


def finds(spine):
    return lambda volume, *, progress=None: spine


def blocks():
    """L1 and L3, deeper behind their centroids than in front; L2 is left out."""
    data = np.zeros(GRID.shape, np.uint8)
    data[10:20, 10:28, 26:34], data[10:20, 10:28, 6:14] = 20, 22
    points = {20: GRID.to_world((14.5, 14.5, 29.5)), 22: GRID.to_world((14.5, 14.5, 9.5))}
    return Spine(
        tuple(Vertebra(label, tuple(p), 0.9) for label, p in points.items()),
        Volume(data, GRID),
        provenance={"timings_s": {"detection": 1.0}},
    )


def test_a_result_is_checked_and_measured():
    spine = ExaminedPipeline(finds(blocks()))(scan())
    assert spine.flags == (REMARK,)
    assert "gap" in [flag.code for flag in spine["L3"].flags]
    assert spine.measurements["L1"]["volume"].value == pytest.approx(10 * 18 * 8 * 27 / 1000)
    assert list(spine.provenance["timings_s"]) == ["detection", "quality", "measurements"]


def test_measurements_can_be_left_out():
    spine = ExaminedPipeline(finds(blocks()), measurements=False)(scan())
    assert spine.measurements is None
    assert spine.flags == (REMARK,)


@pytest.mark.parametrize("mask", [None, Volume(np.zeros(GRID.shape, np.uint8), GRID)])
def test_nothing_found_is_an_empty_complete_result(tmp_path, mask):
    empty = Spine(mask=mask, flags=(Flag("no_spine", "No spine was found in this scan."),))
    spine = ExaminedPipeline(finds(empty))(scan())
    assert [flag.code for flag in spine.flags] == ["no_spine", "orientation_doubtful"]
    write_outputs(spine, scan(), tmp_path / "out")
    document = json.loads((tmp_path / "out" / "result.json").read_text())
    jsonschema.Draft202012Validator(json_schema()).validate(document)
    assert document["vertebrae"] == []
    assert document["measurements"] == {"vertebrae": [], "discs": [], "curves": []} | {
        "angles": document["measurements"]["angles"]
    }
    assert all(angle["value"] is None for angle in document["measurements"]["angles"].values())


def test_every_pipeline_is_examined(reader_model):
    assert load_pipeline(reader_model, threads=1).measurements
    assert not load_pipeline(reader_model, threads=1, measurements=False).measurements


def test_a_file_without_orientation(tmp_path):
    import nibabel as nib

    write_image(scan(), tmp_path / "scan.nii.gz")
    assert read_image(tmp_path / "scan.nii.gz").remarks == ()
    image = nib.load(tmp_path / "scan.nii.gz")
    bare = nib.Nifti1Image(np.asarray(image.dataobj), None, image.header)
    bare.set_sform(None, code=0)
    bare.set_qform(None, code=0)
    bare.to_filename(tmp_path / "bare.nii.gz")
    (remark,) = read_image(tmp_path / "bare.nii.gz").remarks
    assert remark.code == "orientation_doubtful"
