"""From a folder of received objects to the objects to be sent, with a pipeline that knows the truth."""

from dataclasses import replace

import pytest
from node_fakes import NAME, PATIENT, anything_goes, make_slices, slices_of, write_slices
from pydicom import dcmread

from spondyl.dicom.node.process import ProcessStudy
from spondyl.errors import ImageError
from spondyl.morphometry import Measurement, Morphometry
from spondyl.phantom import PhantomOptions, make_phantom
from spondyl.spine import Spine


@pytest.fixture(scope="module")
def phantom():
    options = PhantomOptions(levels=("L1", "L3"), spacing_mm=(3, 3, 3), field_of_view_mm=(90, 120, 120))
    return make_phantom(1, options)


@pytest.fixture
def study(phantom, tmp_path):
    return write_slices(slices_of(phantom.image), tmp_path / "study")


@pytest.fixture
def run(study, tmp_path, phantom, monkeypatch):
    """Processes the study; gives the objects by the name of their file."""
    found = [phantom.spine]
    monkeypatch.setattr("spondyl.inference.load_pipeline", lambda *_args, **_more: lambda _volume: found[0])

    def run(spine=phantom.spine, folder=study, to="results", **more):
        found[0] = spine
        (tmp_path / to).mkdir()
        ProcessStudy(**more)(folder, tmp_path / to)
        return {file.name: dcmread(file) for file in sorted((tmp_path / to).iterdir())}

    return run


def test_all_kinds(run, phantom, study):
    made = run(results=("seg", "sr", "rtstruct", "ct"))
    assert list(made)[-3:] == ["1-seg.dcm", "2-sr.dcm", "3-rtstruct.dcm"]
    segments = {segment.SegmentLabel for segment in made["1-seg.dcm"].SegmentSequence}
    assert segments >= set(phantom.spine.names)
    kept = {made[name].SOPInstanceUID for name in made if name.startswith("0-ct")}
    assert kept == {dcmread(file).SOPInstanceUID for file in study.iterdir()}
    assert {each.StudyInstanceUID for each in made.values()} == {dcmread(study / "000.dcm").StudyInstanceUID}


def test_the_series_itself_whatever_its_header_lacks(run, study):
    for number, file in enumerate(sorted(study.iterdir())):
        slice_ = dcmread(file)
        with anything_goes():
            del slice_.SeriesInstanceUID
            slice_.InstanceNumber = None
            slice_["InstanceNumber"]._value = "1A" if number == 0 else None
            slice_.save_as(file)
    made = run(results=("ct",))
    assert len(made) == len(list(study.iterdir()))


def test_the_same_study_gives_the_same_objects(run):
    """So a study that is processed again after a kill does not appear twice in the archive."""
    assert run(to="first") == run(to="second")


def test_measured_once(run, phantom, monkeypatch):
    """The pipeline has measured already; the report holds that."""
    angles = {"thoracic_kyphosis_t4_t12": Measurement(41.5, "deg")}
    measured = replace(phantom.spine, measurements=Morphometry(angles=angles))
    monkeypatch.setattr("spondyl.morphometry.measure", None)
    report = run(measured, results=("sr",))["2-sr.dcm"]
    assert "41.5" in str(report)


def test_without_vertebrae_only_a_report(run):
    assert list(run(Spine(), results=("seg", "sr", "rtstruct"))) == ["2-sr.dcm"]


def test_nobody_is_left_in_what_leaves(run, study):
    before = dcmread(study / "000.dcm")
    made = run(results=("seg", "sr", "ct"), secret=b"0123456789abcdef")
    for each in made.values():
        text = str(each.to_json())
        assert not any(
            value in text for value in (NAME, PATIENT, before.PatientBirthDate, before.StudyInstanceUID)
        )
    (study_uid,) = {each.StudyInstanceUID for each in made.values()}
    (patient,) = {each.PatientID for each in made.values()}
    slices = {each.SOPInstanceUID for name, each in made.items() if name.startswith("0-ct")}
    referenced = made["1-seg.dcm"].ReferencedSeriesSequence[0].ReferencedInstanceSequence
    assert {each.ReferencedSOPInstanceUID for each in referenced} <= slices
    assert (study_uid != before.StudyInstanceUID, bool(patient)) == (True, True)


def spoil(slices, how):
    with anything_goes():
        if how == "mixed patients":
            slices[1].PatientID = "SOMEBODY-ELSE"
        for slice_ in slices:
            if how == "truncated pixels":
                slice_.PixelData = slice_.PixelData[:100]
            if how == "no CT at all":
                slice_.Modality = "PT"
            if how == "no geometry":
                del slice_.ImagePositionPatient
    return slices[:1] if how == "one slice" else slices


@pytest.mark.parametrize(
    "how", ["truncated pixels", "mixed patients", "no CT at all", "no geometry", "one slice"]
)
def test_bad_studies_are_refused(run, tmp_path, how):
    folder = write_slices(spoil(make_slices(6), how), tmp_path / "bad")
    with pytest.raises(ImageError):
        run(folder=folder)
    assert list((tmp_path / "results").iterdir()) == []


def test_settings_reach_it(settings):
    config = settings(results=("sr",), threads=2, deidentify_dates="shift")
    process = ProcessStudy.from_config(config, b"secret secret secret")
    assert process == replace(
        ProcessStudy(), results=("sr",), threads=2, dates="shift", secret=process.secret
    )
    assert "secret secret" not in repr(process)
