"""``spondyl predict`` on DICOM: folders, archives, single files; what is not read is told."""

import json
import zipfile

import numpy as np
import pytest
from pydicom import dcmread
from series_written import Series

from readers import CENTRES, toy_scan, write_reader_model
from spondyl.batch import find_scans
from spondyl.cli import app
from spondyl.dicom.objects.source import headers_at
from spondyl.errors import ImageError
from spondyl.export.convert import export_result
from spondyl.io import read_image
from spondyl.result import Result, read_result
from spondyl.result_scan import read_scan, scan_of


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


@pytest.fixture(scope="module")
def from_an_archive(tmp_path_factory, reader_model):
    """An archive of two patients' studies on one grid, and the results of both."""
    root = tmp_path_factory.mktemp("archive")
    toy_series(tags={"SeriesDescription": "One", "PatientID": "1"}).write(root / "files" / "1")
    two = toy_series(tags={"SeriesDescription": "Two", "PatientID": "2"})
    two.hu[:] = np.where(two.hu > 0, two.hu + 100, two.hu)
    two.write(root / "files" / "2")
    with zipfile.ZipFile(root / "both.zip", "w") as bundle:
        for file in sorted(path for path in (root / "files").rglob("*") if path.is_file()):
            bundle.write(file, file.relative_to(root / "files"))
    assert run(root / "both.zip", "-o", root / "out", "--model", reader_model, "--outputs", "dicom-seg") == 0
    return root / "both.zip", {path.name[:3]: path for path in (root / "out").iterdir() if path.is_dir()}


def test_objects_go_to_the_right_patient(from_an_archive):
    _, results = from_an_archive
    patients = {name: dcmread(folder / "segmentation.dcm").PatientID for name, folder in results.items()}
    assert patients == {"one": "1", "two": "2"}


def test_a_result_finds_its_series_in_an_archive_again(from_an_archive, tmp_path):
    archive, results = from_an_archive
    for name, folder in results.items():
        result = Result.read(folder / "result.json")
        again = scan_of(folder, result)
        assert again.data.max() == toy_series().hu.max() + (100 if name == "two" else 0)
        (path,) = export_result(folder, ["dicom-sr"], tmp_path / name).values()
        assert dcmread(path).PatientID == {"one": "1", "two": "2"}[name]
        app(["morphometry", str(archive), str(folder)], result_action="return_value")


def test_a_result_that_does_not_say_which_series_is_nobodys(from_an_archive, tmp_path):
    archive, results = from_an_archive
    result = Result.read(results["one"] / "result.json")
    with pytest.raises(ImageError, match=r"2 studies lie on the grid.*--series names"):
        headers_at(archive, result.grid)
    with pytest.raises(ImageError, match="holds 2 studies"):
        read_scan(archive, None)
