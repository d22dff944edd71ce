"""Of several series the one that shows the spine best, and the reasons against the others."""

import pytest
from pydicom.uid import generate_uid
from series_written import CORONAL, SAGITTAL, Series, blobs

from spondyl.dicom import choose_series, find_series, read_series
from spondyl.errors import ImageError


def member(study, number, description, *, step=2.5, count=20, kernel="B30f", **how):
    tags = {"SeriesNumber": number, "SeriesDescription": description, "ConvolutionKernel": kernel}
    return Series(
        hu=blobs((count, 12, 16)), step_mm=step, study_uid=study, tags=tags | how.pop("tags", {}), **how
    )


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """What a hospital stores for one examination."""
    folder = tmp_path_factory.mktemp("study")
    uid = generate_uid()
    derived = {"ImageType": ["DERIVED", "SECONDARY", "REFORMATTED"]}
    report = {"SOPClassUID": "1.2.840.10008.5.1.4.1.1.88.67", "Modality": "SR"}
    capture = {"SOPClassUID": "1.2.840.10008.5.1.4.1.1.7", "SamplesPerPixel": 3}
    many = [
        member(uid, 1, "Topogram", count=1, tags={"ImageType": ["ORIGINAL", "PRIMARY", "LOCALIZER"]}),
        member(uid, 2, "Thick", step=5, count=8),
        member(uid, 3, "Thin soft", step=1, count=40),
        member(uid, 4, "Thin bone", step=1, count=40, kernel="B70f"),
        member(uid, 5, "Sagittal", step=1, count=20, axes=SAGITTAL, pixel_mm=(3.3, 3.3), tags=derived),
        member(uid, 6, "MIP", step=1, count=5, tags={"ImageType": ["DERIVED", "SECONDARY", "MIP"]}),
        member(uid, 7, "L5 only", step=1, count=12),
        member(uid, 501, "Dose", count=1, tags=report),
        member(uid, 502, "Screen", count=1, tags=capture),
        member(uid, 8, "Monitoring", count=6, heights_mm=(4.0,) * 6),
    ]
    for series in many:
        series.write(folder / f"SE{series.tags['SeriesNumber']}")
    return folder


REASONS = {
    "Topogram": "a localizer",
    "Thick": "thicker slices",
    "Thin bone": "a sharper kernel",
    "Sagittal": "made from other pictures",
    "MIP": "a maximum intensity projection",
    "L5 only": "covers less of the patient",
    "Dose": "SR, not CT",
    "Screen": "another kind of object",
    "Monitoring": "all 6 slices lie at one place",
}


def test_the_best_is_read_and_the_others_are_explained(study):
    read = read_series(study)
    assert read.description == "Thin soft"
    assert len(read.skipped) == len(REASONS)
    for description, reason in REASONS.items():
        (line,) = (line for line in read.skipped if f"'{description}'" in line)
        assert reason in line


@pytest.mark.parametrize("word", ["5", "Sagittal", "sagittal", "sagi"])
def test_a_series_by_number_or_description(study, word):
    read = read_series(study, word)
    assert read.description == "Sagittal"
    assert all("not the one asked for" in line for line in read.skipped if "'Thick'" in line)


def test_a_series_by_uid(study):
    (thick,) = (info for info in find_series(study) if info.description == "Thick")
    assert read_series(study, thick.uid).series_uid == thick.uid
    assert read_series(thick).series_uid == thick.uid
    assert read_series(thick.path).series_uid == thick.uid


def test_a_series_that_is_not_there_or_useless(study):
    with pytest.raises(ImageError, match=r"no series 'Leg' among these.*'Topogram'.*and 2 more"):
        read_series(study, "Leg")
    with pytest.raises(ImageError, match=r"no CT series that can be read: series 6 'MIP' .*projection"):
        read_series(study, "MIP")


def test_ties_are_explained(tmp_path):
    uid = generate_uid()
    for number in (4, 3):
        member(uid, number, "Same").write(tmp_path / str(number))
    (choice,) = choose_series(find_series(tmp_path))
    assert choice.series.number == 3
    assert "as good as the chosen one" in choice.skipped[0]


def test_of_several_studies_one_must_be_named(tmp_path):
    first, second = Series(), Series(axes=CORONAL)
    first.write(tmp_path / "a")
    second.write(tmp_path / "b")
    with pytest.raises(ImageError, match="holds 2 studies; name one series by its UID") as caught:
        read_series(tmp_path)
    assert first.series_uid in str(caught.value)
    assert read_series(tmp_path, second.series_uid).series_uid == second.series_uid
    assert len(choose_series(find_series(tmp_path))) == 2


def test_one_study_number_for_two_patients_is_two_studies(tmp_path):
    uid = generate_uid()
    for name in ("one", "two"):
        Series(study_uid=uid, tags={"PatientID": name}).write(tmp_path / name)
    with pytest.raises(ImageError, match="holds 2 studies"):
        read_series(tmp_path)


def test_a_series_of_two_patients_is_refused(tmp_path):
    first = Series(tags={"PatientID": "one"})
    first.write(tmp_path / "a")
    Series(series_uid=first.series_uid, study_uid=first.study_uid, origin=(0, 0, 50.0)).write(tmp_path / "b")
    with pytest.raises(ImageError, match="more than one patient"):
        read_series(tmp_path)


def test_files_without_uids_are_a_series_per_folder(tmp_path):
    for name in ("a", "b"):
        series = Series(study_uid="", series_uid="")
        series.edit = lambda ds, _: (ds.__delattr__("StudyInstanceUID"), ds.__delattr__("SeriesInstanceUID"))
        series.write(tmp_path / name)
    assert [info.images for info in find_series(tmp_path)] == [9, 9]


def test_names_are_not_those_of_patients(tmp_path):
    series = Series(tags={"SeriesDescription": "secret, PERSON HUSH4711: Spine/bone 1.0"})
    (info,) = find_series(series.write(tmp_path))
    assert info.description == ", : Spine/bone 1.0"
    assert info.name.startswith("spine-bone-1-0-")
    (nameless,) = find_series(Series(tags={"SeriesDescription": ""}).write(tmp_path / "b"))
    assert nameless.name.startswith("ct-")


def test_values_that_are_no_hu_are_refused(tmp_path):
    with pytest.raises(ImageError, match="values in MGML, not HU"):
        read_series(Series(tags={"RescaleType": "MGML"}).write(tmp_path))


def test_unsigned_values_without_a_rescale_are_refused(tmp_path):
    def edit(ds, _):
        del ds.RescaleSlope, ds.RescaleIntercept

    with pytest.raises(ImageError, match="unsigned values without a rescale"):
        read_series(Series(edit=edit).write(tmp_path / "a"))
    assert (
        len(read_series(Series(edit=edit, signed=True, bits=16, intercept=0).write(tmp_path / "b")).slices)
        == 9
    )


def test_a_study_without_a_ct_is_told(tmp_path):
    Series().write(tmp_path / "a")
    Series(tags={"Modality": "MR", "SeriesDescription": "T2 Wirbelsaeule"}).write(tmp_path / "b")
    read = read_series(tmp_path)
    assert len(read.skipped) == 1
    assert "'T2 Wirbelsaeule'" in read.skipped[0]
    assert read.skipped[0].endswith("MR, not CT")
