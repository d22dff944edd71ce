"""``spondyl predict --outputs`` and ``spondyl export`` as typed."""

import pytest

from readers import toy_scan
from spondyl.cli import app
from spondyl.errors import AnnotationError, InputError
from spondyl.io import write_image
from spondyl.outputs import write_outputs
from spondyl.result import Result
from spondyl.spine import Spine
from spondyl.volume import Volume


@pytest.fixture
def results(tmp_path):
    """Results of two scans, a and b."""
    volume = toy_scan()
    mask = Volume((volume.data > 0).astype("uint8") * 20, volume.grid)
    spine = Spine.from_centroids({20: (30.5, 20.0, 60.0)}, mask)
    for name in ("a", "b"):
        write_outputs(spine, volume, tmp_path / "out" / name)
    return tmp_path / "out"


def run(*words):
    return app([str(word) for word in words], result_action="return_value")


def test_predict_writes_what_is_asked_for_besides_the_usual(tmp_path, reader_model):
    write_image(toy_scan(hounsfield=True), tmp_path / "scan.nii.gz")
    options = ("-o", tmp_path / "out", "--model", reader_model)
    run("predict", tmp_path / "scan.nii.gz", *options, "--outputs", "csv,nrrd")
    folder = tmp_path / "out" / "scan"
    assert sorted(path.name for path in folder.iterdir()) == [
        "centroids.csv",
        "centroids.json",
        "mask.nii.gz",
        "mask.seg.nrrd",
        "preview.png",
        "result.json",
    ]
    assert Result.read(folder / "result.json").scan.path == "../../scan.nii.gz"


def test_predict_refuses_unknown_outputs_before_it_starts(tmp_path, reader_model):
    write_image(toy_scan(hounsfield=True), tmp_path / "scan.nii.gz")
    with pytest.raises(InputError, match="no output is called 'obj'"):
        run("predict", tmp_path / "scan.nii.gz", "-o", tmp_path / "out", "--outputs", "obj")
    assert not (tmp_path / "out").exists()


def test_one_result(results, capsys):
    run("export", results / "a", "--to", "csv,totalsegmentator")
    assert (results / "a" / "segmentations" / "vertebrae_L1.nii.gz").is_file()
    assert capsys.readouterr().out.split() == [
        str(results / "a" / "centroids.csv"),
        str(results / "a" / "segmentations"),
    ]
    assert not (results / "b" / "centroids.csv").exists()


def test_all_results_to_another_folder(results, tmp_path):
    run("export", results, "--to", "mrk", "-o", tmp_path / "slicer")
    assert sorted(path.parent.name for path in (tmp_path / "slicer").glob("*/centroids.mrk.json")) == [
        "a",
        "b",
    ]
    assert not (results / "a" / "centroids.mrk.json").exists()


def test_a_result_that_cannot_be_exported_is_told_of_and_the_others_are(results, capsys):
    (results / "a" / "result.json").write_text("{}")
    assert run("export", results, "--to", "csv") == 1
    assert (results / "b" / "centroids.csv").is_file()
    told = capsys.readouterr().err
    assert str(results / "a" / "result.json") in told
    assert "1 of 2 results could not be used" in told
    (results / "b" / "result.json").write_text("{}")
    assert run("export", results, "--to", "csv") == 2


def test_no_result(tmp_path):
    with pytest.raises(AnnotationError, match=r"expected a result of 'spondyl predict'"):
        run("export", tmp_path, "--to", "csv")
