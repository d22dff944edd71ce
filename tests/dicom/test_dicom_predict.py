"""``spondyl predict`` on DICOM: folders, archives, single files; what is not read is told."""

import json
import zipfile

import numpy as np
import pytest
from series_written import Series

from readers import CENTRES, toy_scan, write_reader_model
from spondyl.batch import find_scans
from spondyl.cli import app
from spondyl.io import read_image
from spondyl.result import read_result


@pytest.fixture(scope="module")
def reader_model(tmp_path_factory):
    return write_reader_model(tmp_path_factory.mktemp("reader"))


def toy_series(**how) -> Series:
    """The toy scan as a scanner would write it."""
    volume = toy_scan(hounsfield=True).reoriented("LPS")
    hu = volume.data.transpose(2, 1, 0).astype(int)
    origin = tuple(volume.grid.affine[:3, 3] * (-1, -1, 1))
    return Series(hu=hu, pixel_mm=(1.0, 1.0), step_mm=1.0, origin=origin, bits=16, **how)


@pytest.fixture(scope="module")
def export(tmp_path_factory):
    """An export of two studies; the first with a localizer."""
    root = tmp_path_factory.mktemp("export") / "DOE_JANE"
    first, second = toy_series(), toy_series(tags={"SeriesDescription": "Bone 1.0", "PatientID": "2"})
    first.write(root / "ST1" / "SE2", order=range(len(first.hu) - 1, -1, -1))
    topogram = {"ImageType": ["ORIGINAL", "PRIMARY", "LOCALIZER"], "SeriesDescription": "Topogram"}
    Series(hu=first.hu[:1], study_uid=first.study_uid, tags=topogram).write(root / "ST1" / "SE1")
    second.write(root / "ST2")
    return root


def run(*words):
    with pytest.raises(SystemExit) as stopped:
        app([str(word) for word in ("predict", *words)])
    return stopped.value.code


def test_a_folder_of_studies(export, reader_model, tmp_path, capsys):
    out = tmp_path / "out"
    assert run(export, "-o", out, "--model", reader_model) == 0
    told = capsys.readouterr().out
    assert "not read: series 3 'Topogram'" in told
    assert "a localizer" in told
    names = sorted(folder.name for folder in out.iterdir() if folder.is_dir())
    assert [name[:-9] for name in names] == ["bone-1-0", "spine-2-5"]
    for name in names:
        result = read_result(out / name)
        for vertebra in result:
            assert np.linalg.norm(np.subtract(vertebra.centroid_mm, CENTRES[vertebra.name])) < 1.5
        assert len(result) == 3
    # What is done is not done again, and the record leads back to the series.
    assert run(export, "-o", out, "--model", reader_model, "--json") == 0
    summary = json.loads(capsys.readouterr().out)
    assert {entry["status"] for entry in summary["results"]} == {"skipped"}
    assert [line["reason"].split(":")[-1].strip() for line in summary["not_read"]] == ["a localizer"]
    content = json.loads((out / names[1] / "result.json").read_text())
    again = read_image(out / names[1] / content["scan"]["path"])
    assert again.grid.is_close(read_result(out / names[1], mask=True).mask.grid)


def test_a_series_by_its_description(export, reader_model, tmp_path, capsys):
    assert run(export, "-o", tmp_path, "--model", reader_model, "--series", "bone", "--json") == 0
    summary = json.loads(capsys.readouterr().out)
    assert [entry["name"][:-9] for entry in summary["results"]] == ["bone-1-0"]
    assert run(export, "-o", tmp_path, "--model", reader_model, "--series", "leg") == 2
    assert "no series 'leg' among these" in capsys.readouterr().err


def test_an_archive_and_one_file(export, tmp_path):
    archive = tmp_path / "export.zip"
    with zipfile.ZipFile(archive, "w") as bundle:
        for file in sorted(path for path in export.rglob("*") if path.is_file()):
            bundle.write(file, file.relative_to(export))
    scans, problems = find_scans([archive, export / "ST2" / "IM0004"])
    assert problems == []
    assert sorted(scan.path.name for scan in scans) == ["IM0000", "export.zip", "export.zip"]
    assert len({scan.name for scan in scans}) == 3
    volumes = [scan.read() for scan in scans]
    assert all(volume.grid.is_close(volumes[0].grid) for volume in volumes)


def test_images_and_series_in_one_folder(export, tmp_path):
    from spondyl.io import write_image

    write_image(toy_scan(hounsfield=True), tmp_path / "scan.nii.gz")
    toy_series().write(tmp_path / "series")
    scans, _ = find_scans([tmp_path])
    assert len(scans) == 2
    toy_series(tags={"Modality": "MR"}).write(tmp_path / "series")
    scans, problems = find_scans([tmp_path])
    assert [scan.name for scan in scans] == ["scan"]
    assert problems == []


def test_an_export_without_a_ct(tmp_path):
    toy_series(tags={"Modality": "MR"}).write(tmp_path)
    scans, (problem,) = find_scans([tmp_path])
    assert scans == []
    assert "MR, not CT" in problem.message


def test_a_changed_slice_is_another_scan(tmp_path):
    toy_series().write(tmp_path)
    (scan,), _ = find_scans([tmp_path])
    before = scan.sha256()
    series = toy_series()
    series.hu[4] += 1
    series.write(tmp_path)
    (scan,), _ = find_scans([tmp_path])
    assert scan.sha256() != before
