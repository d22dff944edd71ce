"""``spondyl morphometry`` on a phantom's mask."""

import json

import pytest

from spondyl.cli.morphometry import morphometry
from spondyl.errors import AnnotationError, OutputError
from spondyl.io import write_image, write_mask
from spondyl.phantom import PhantomOptions, make_phantom


@pytest.fixture(scope="module")
def scan(tmp_path_factory):
    folder = tmp_path_factory.mktemp("scan")
    options = PhantomOptions(
        levels=("L1", "L3"), field_of_view_mm=(110, 130, 200), spacing_mm=(1.5, 1.5, 1.5), table=False
    )
    phantom = make_phantom(3, options)
    write_image(phantom.image, folder / "scan.nii.gz")
    write_mask(phantom.spine.mask, folder / "mask.nii.gz")
    return folder


def test_prints_and_writes(scan, tmp_path, capsys):
    out = tmp_path / "values.json"
    morphometry(scan / "scan.nii.gz", scan / "mask.nii.gz", output=out)
    text = capsys.readouterr().out
    assert "L2: height_anterior" in text
    assert "L1/L2: " in text
    names = [row["name"] for row in json.loads(out.read_text(encoding="utf-8"))["vertebrae"]]
    assert "L2" in names


def test_other_endings_are_refused(scan, tmp_path):
    with pytest.raises(OutputError, match=r"\.csv"):
        morphometry(scan / "scan.nii.gz", scan / "mask.nii.gz", output=tmp_path / "values.txt")


def test_a_folder_of_results_is_not_one_result(scan, tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "result.json").touch()
    with pytest.raises(AnnotationError, match=r"give one of them, such as .*a$"):
        morphometry(scan / "scan.nii.gz", tmp_path)
