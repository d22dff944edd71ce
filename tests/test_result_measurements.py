"""Measurements survive the way to ``result.json`` and back, and follow new names."""

import json
from dataclasses import replace

import pytest

from spondyl.anatomy import LABEL_OF
from spondyl.morphometry.result import Curve, DiscMeasures, Measurement, Morphometry, VertebraMeasures
from spondyl.result import Result, read_result
from spondyl.result_measurements import Measurements
from spondyl.spine import Flag, Spine
from spondyl.volume import Grid

T12, L1, L2 = (LABEL_OF[name] for name in ("T12", "L1", "L2"))
ENDS = Flag("end_vertebrae", "Between T12 and L2.")
HEIGHT = Measurement(25.1234, "mm", 0.5, remarks=(Flag("near_limit", "Near."),))
REFUSED = Measurement.refusal("HU", Flag("implant", "There is metal."))
ANGLE = Measurement(12.5, "deg", 1.0, remarks=(ENDS, Flag("lying", "Lying.")))
MEASURED = Morphometry(
    (
        VertebraMeasures(T12, {"height_middle": HEIGHT, "trabecular_hu": REFUSED}, "wedge"),
        VertebraMeasures(L1, {"genant_grade": Measurement(2, "grade")}),
        VertebraMeasures(L2, {"height_middle": HEIGHT}),
    ),
    (DiscMeasures(T12, L1, {"wedge": Measurement(3.0, "deg", 1.0)}),),
    {"coronal_cobb": ANGLE, "lumbar_lordosis_l1_l5": REFUSED},
    (Curve(T12, L2, ANGLE, "left"),),
)
SPINE = replace(
    Spine.from_centroids({T12: (0, 0, 0), L1: (0, 0, -30), L2: (0, 0, -62)}), measurements=MEASURED
)
GRID = Grid.from_spacing((10, 10, 10), (1, 1, 1))


def test_there_and_back(tmp_path):
    Result.of(SPINE, GRID).write(tmp_path / "result.json")
    assert read_result(tmp_path).measurements == MEASURED
    values = json.loads((tmp_path / "result.json").read_text())["measurements"]["vertebrae"][0]["values"]
    assert values["height_middle"] == {
        "value": 25.1234,
        "unit": "mm",
        "uncertainty": 0.5,
        "refused": None,
        "remarks": [{"code": "near_limit", "message": "Near."}],
    }
    assert values["trabecular_hu"]["value"] is None
    assert values["trabecular_hu"]["refused"]["code"] == "implant"


def test_nothing_measured_is_null(tmp_path):
    Result.of(replace(SPINE, measurements=None), GRID).write(tmp_path / "result.json")
    assert json.loads((tmp_path / "result.json").read_text())["measurements"] is None
    assert read_result(tmp_path).measurements is None


def test_new_names():
    table = {T12: LABEL_OF["T13"], L1: L2, L2: L1}
    moved = SPINE.relabelled(table).measurements
    assert [v.label for v in moved.vertebrae] == [LABEL_OF["T13"], L1, L2]
    assert moved["T13"]["height_middle"] == HEIGHT
    assert moved["T13"].deformity == "wedge"
    assert moved["L2"]["genant_grade"].value == 2
    assert (moved.discs[0].upper, moved.discs[0].lower) == (LABEL_OF["T13"], L2)
    (curve,) = moved.curves
    assert (curve.upper, curve.lower) == (LABEL_OF["T13"], L1)
    assert [flag.code for flag in curve.angle.remarks] == ["lying"]  # the other one spoke of old names
    assert {m.refused.code for m in moved.angles.values()} == {"renamed"}
    assert Measurements.of(MEASURED).relabelled(table) == Measurements.of(moved)


@pytest.mark.parametrize("table", [{}, {T12: T12}, {LABEL_OF["L5"]: LABEL_OF["L6"]}])
def test_names_that_stay_change_nothing(table):
    assert SPINE.relabelled(table).measurements == MEASURED
