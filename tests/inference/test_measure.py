"""The reference's report, line by line, on a prediction whose numbers can be worked out by hand."""

from pathlib import Path

import pytest

from readers import CENTRES, toy_scan
from spondyl.anatomy import LABEL_OF
from spondyl.batch.scans import Failure
from spondyl.datasets import Case, find_cases
from spondyl.evaluation import evaluate
from spondyl.inference import load_pipeline
from spondyl.inference.measure import Measured, measure_cases, report_lines, summary_lines
from spondyl.io import write_centroids, write_image
from spondyl.result import read_result
from spondyl.spine import Spine
from spondyl.volume import Grid

GRID = Grid.from_spacing((100, 100, 200), (1, 1, 2), "RAS")


def _spine(provenance=None, **centroids):
    spine = Spine.from_centroids({LABEL_OF[name]: point for name, point in centroids.items()})
    return Spine(spine.vertebrae, provenance=provenance or {})


def _lines(truth, predicted):
    return list(report_lines(6, Measured(Case("a", Path("set/a.nii.gz")), GRID, truth, predicted)))


def test_the_report_has_the_words_of_the_reference():
    provenance = {
        "tiling": {
            "patch": [64, 64, 80],
            "step": [32, 32, 40],
            "shape": [140, 140, 312],
            "padded_shape": [192, 192, 360],
        },
        "voxel_counts": {"T12": 33462, "L1": 37416},
    }
    truth = _spine(T11=(10, 10, 160), T12=(10, 10, 130), L1=(10, 10, 100))
    found = _spine(provenance, T12=(10, 13, 134), L1=(10, 10, 90))
    assert _lines(truth, found) == [
        "6 set/a.nii.gz",
        "apply detection",
        "[64 64 80] [32 32 40] (140, 140, 312) (192, 192, 360)",
        "finished detection",
        "apply identification",
        "finished identification",
        "finished multiplying",
        "start aggregating",
        "finish aggregating",
        "start averages",
        "T12 33462",
        "L1 37416",
        "finish averages",
        "T11",
        "T12 T12",
        "L1 L1",
        "T12 [10.0 10.0 130.0] [10.0 13.0 134.0]",
        "L1 [10.0 10.0 100.0] [10.0 10.0 90.0]",
        "average 7.50",
    ]


def test_positions_count_along_the_axes_of_the_image():
    grid = Grid.from_spacing((100, 100, 200), (0.5, 1, 2), "LPS")
    grid = Grid(grid.shape, grid.affine)
    spine = _spine(L1=(-10, -20, 30))
    case = Case("a", Path("a.nii.gz"))
    assert "L1 [10.0 20.0 30.0] [10.0 20.0 30.0]" in list(report_lines(0, Measured(case, grid, spine, spine)))


@pytest.mark.parametrize("found", [_spine(), _spine(C1=(0, 0, 0)), _spine(T13=(10, 10, 130))])
def test_nothing_found_and_nothing_in_common_are_reported(found):
    assert _lines(_spine(L1=(10, 10, 100)), found)[-1] == "average: no level in common"


def test_the_summary_is_that_of_the_evaluation():
    truth = _spine(C1=(0, 0, 300), T12=(0, 0, 130), L1=(0, 0, 100))
    found = _spine(T12=(0, 3, 134), L1=(0, 0, 90))
    assert list(summary_lines(evaluate([("a", truth, found)], resamples=0))) == [
        "All Id rate: 66.7% mean: 7.50 std: 2.50",
        "Cervical Id rate: 0.0% mean: - std: -",
        "Thoracic Id rate: 100.0% mean: 5.00 std: 0.00",
        "Lumbar Id rate: 100.0% mean: 10.00 std: 0.00",
    ]


def test_the_summary_survives_missing_regions():
    spine = _spine(T13=(0, 0, 0))
    lines = list(summary_lines(evaluate([("a", spine, spine)], resamples=0)))
    assert lines[0] == "All Id rate: 100.0% mean: 0.00 std: 0.00"
    assert lines[1] == "Cervical Id rate: none annotated"
    assert lines[2] == "Thoracic Id rate: 100.0% mean: 0.00 std: 0.00"
    assert lines[3] == "Lumbar Id rate: none annotated"


def test_every_result_is_on_disk_before_the_next_scan_is_read(reader_model, tmp_path):
    scan = toy_scan(hounsfield=True)
    truth = Spine.from_centroids({LABEL_OF[name]: point for name, point in CENTRES.items()})
    for name in ("a", "b", "c"):
        write_image(scan, tmp_path / "set" / f"{name}.nii.gz")
        write_centroids(truth, tmp_path / "set" / f"{name}.lml", scan.grid)
    (tmp_path / "set" / "b.nii.gz").write_bytes(b"broken")
    cases = find_cases(tmp_path / "set")
    out = tmp_path / "out"
    seen = []
    for item in measure_cases(cases, load_pipeline(reader_model), out):
        seen.append(type(item))
        if isinstance(item, Measured):
            assert read_result(out / item.case.name).names == ("L1", "L2", "S1")
            assert item.predicted.centroids_mm == pytest.approx(item.truth.centroids_mm, abs=0.01)
    assert seen == [Measured, Failure, Measured]
    assert sorted(path.name for path in out.rglob("*.*")) == ["result.json", "result.json"]
