"""De-identification, held against the standard's own table and against every attribute there is."""

import io
import re
from copy import deepcopy

import numpy as np
import pydicom
import pytest
from dicomanonymizer.dicom_anonymization_databases import dicomfields_2026c as table
from pydicom import DataElement, Dataset, FileMetaDataset
from pydicom.datadict import DicomDictionary, keyword_for_tag
from pydicom.tag import Tag
from pydicom.uid import ExplicitVRLittleEndian
from sources import source, spine_on
from test_dicom_sr import measured
from validators import dciodvfy, dsrdump

from spondyl.dicom import deidentify, read_series, rtstruct_of, seg_of, sr_of
from spondyl.dicom.identity_rules import KEPT_TEXT
from spondyl.errors import InputError

SECRET = b"nobody else knows this"
MARK = {
    "AE": "MARKED",
    "AS": "077Y",
    "CS": "MARKED",
    "DA": "20110203",
    "DS": "77.125",
    "DT": "20110203040506",
    "IS": "77125",
    "OB": b"MARKED",
    "OW": b"MARKED",
    "PN": "MARKED^NAME",
    "TM": "040506",
    "UI": "1.2.77125.1",
    "UN": b"MARKED",
    "UR": "http://marked.example",
    "US": 7125,
}
"""A value for each kind of attribute; text otherwise."""


def marked(vr):
    if vr == "SQ":
        item = Dataset()
        item.PatientName, item.StudyDate, item.TextValue = "MARKED^NAME", "20110203", "MARKED"
        item.ReferencedSOPInstanceUID = "1.2.77125.1"
        return [item]
    return MARK.get(vr, "MARKED")


def in_table():
    groups = (getattr(table, name) for name in dir(table) if name.endswith("_TAGS") and name != "ALL_TAGS")
    return sorted({Tag(*tag) for group in groups for tag in group if len(tag) == 2})


def leaks(dataset):
    """Attributes that hold a marked value, at any depth."""
    found = []
    for element in dataset:
        if element.VR == "SQ":
            found += [f"{element.keyword}/{name}" for item in element.value for name in leaks(item)]
        elif element.value == marked(element.VR):
            found.append(element.keyword or str(element.tag))
    return found


@pytest.mark.parametrize("dates", ["remove", "shift", "keep"])
def test_nothing_in_the_standards_table_stays(dates):
    dataset = Dataset()
    for tag in in_table():
        if tag in DicomDictionary:
            vr = DicomDictionary[tag][0]
            dataset.add(DataElement(tag, vr, marked(vr)))
    assert len(dataset) > 560
    nested = Dataset()
    nested.RelatedSeriesSequence = [deepcopy(dataset)]
    dates_stay = {"keep": ("DA", "TM", "DT"), "shift": ("TM",), "remove": ()}[dates]
    for one in (dataset, nested):
        left = [name for name in leaks(deidentify(one, SECRET, dates=dates)) if _vr(name) not in dates_stay]
        assert left == []


def _vr(path):
    return pydicom.datadict.dictionary_VR(path.rsplit("/", 1)[-1])


@pytest.mark.parametrize(
    "vr", ["AE", "DA", "DT", "LO", "LT", "PN", "SH", "ST", "TM", "UC", "UN", "UR", "UT", "OB"]
)
def test_every_attribute_of_a_telling_kind_goes(vr):
    dataset = Dataset()
    for tag, entry in DicomDictionary.items():
        if entry[0] == vr and Tag(tag).group > 0x0002 and not Tag(tag).is_private:
            dataset.add(DataElement(tag, vr, marked(vr)))
    left = set(leaks(deidentify(dataset, SECRET)))
    assert left <= KEPT_TEXT | {"PixelData", "ICCProfile", "LUTData"} | {
        keyword for keyword in left if "Palette" in keyword or "ExtendedOffset" in keyword
    }


def test_patients_words_are_in_no_byte_of_our_objects():
    series = source()
    spine = spine_on(series.grid)
    for header in series.headers:
        header.StudyDescription, header.InstitutionName = "Back pain of a clerk", "St Elsewhere"
        header.PatientAge, header.PatientComments = "053Y", "Widow of Mr B"
        header.OtherPatientIDs, header.IssuerOfPatientID = "X-77", "Elsewhere HIS"
    for made in (
        seg_of(spine, series.headers),
        sr_of(spine, series.headers),
        rtstruct_of(spine, series.headers),
    ):
        before = deepcopy(made)
        stream = io.BytesIO()
        deidentify(made, SECRET).save_as(stream, enforce_file_format=True)
        content = stream.getvalue()
        for word in ("Ayşe", "P-1", "19700102", "Who^Dr", "clerk", "Elsewhere", "053Y", "Widow", "X-77"):
            assert word.encode() not in content
        for uid in ("1.2.3.1", "1.2.3.2", "1.2.3.3", "1.2.3.4.7"):
            assert not re.search(rb"(?<![\d.])" + re.escape(uid.encode()) + rb"[\0\\]", content)
        assert b"20240102" not in content
        assert made == before, "the object handed over was changed"


def test_objects_still_belong_together(tmp_path):
    series = source()
    spine = spine_on(series.grid)
    scans = [deidentify(header, SECRET) for header in series.headers]
    seg, report, contours = (
        deidentify(made, SECRET)
        for made in (
            seg_of(spine, series.headers),
            sr_of(spine, series.headers, measurements=measured()),
            rtstruct_of(spine, series.headers),
        )
    )
    (series_item,) = seg.ReferencedSeriesSequence
    instances = {str(item.ReferencedSOPInstanceUID) for item in series_item.ReferencedInstanceSequence}
    assert instances == {str(scan.SOPInstanceUID) for scan in scans}
    assert series_item.SeriesInstanceUID == scans[0].SeriesInstanceUID
    for made in (seg, report, contours):
        assert made.StudyInstanceUID == scans[0].StudyInstanceUID != "1.2.3.1"
        assert made.PatientID == scans[0].PatientID != "P-1"
        assert made.PatientName == f"{made.PatientID}^"
        assert made.PatientIdentityRemoved == "YES"
        assert made.DeidentificationMethodCodeSequence[0].CodeValue == "113100"
        assert made.file_meta.MediaStorageSOPInstanceUID == made.SOPInstanceUID
        assert str(made.SOPClassUID).startswith("1.2.840.10008.")
    assert seg.FrameOfReferenceUID == contours.FrameOfReferenceUID == scans[0].FrameOfReferenceUID
    assert [segment.SegmentLabel for segment in seg.SegmentSequence] == ["T12", "T13", "L1", "L6"]
    np.testing.assert_array_equal(seg.pixel_array, seg_of(spine, series.headers).pixel_array)
    for name, made in (("seg", seg), ("sr", report), ("rt", contours)):
        made.save_as(tmp_path / name, enforce_file_format=True)
    assert "T12 vertebra" in dsrdump(tmp_path / "sr")
    assert [error for name in ("seg", "sr", "rt") for error in dciodvfy(tmp_path / name)[0]] == []


def test_dates_shift_together_or_stay():
    first, second = source().headers[:2]
    second.StudyDate, second.ContentDate = "20240112", "20240113"
    second.AcquisitionDateTime = "20240113101112.5+0100"
    moved = [deidentify(header, SECRET, dates="shift") for header in (first, second)]
    days = [np.datetime64(f"{d[:4]}-{d[4:6]}-{d[6:]}") for d in (one.StudyDate for one in moved)]
    assert days[1] - days[0] == np.timedelta64(10, "D")
    assert 1 <= int((np.datetime64("2024-01-02") - days[0]) / np.timedelta64(1, "D")) <= 3650
    assert moved[1].AcquisitionDateTime[8:] == "101112.5+0100"
    assert moved[0].StudyTime == "030405"
    assert moved[0].LongitudinalTemporalInformationModified == "MODIFIED"
    kept = deidentify(first, SECRET, dates="keep")
    assert (kept.StudyDate, kept.PatientBirthDate) == ("20240102", "")
    gone = deidentify(first, SECRET)
    assert (gone["StudyDate"].is_empty, "SeriesDate" in gone) == (True, False)


def test_another_secret_another_identity():
    header = source().headers[0]
    one, same, other = (deidentify(header, secret) for secret in (SECRET, SECRET, SECRET[::-1]))
    assert one == same
    assert {one.PatientID, one.SOPInstanceUID}.isdisjoint({other.PatientID, other.SOPInstanceUID})
    with pytest.raises(InputError, match="at least 16"):
        deidentify(header, b"short")


def test_patients_without_an_id_are_not_one_patient():
    first, second = source().headers[:2]
    first.PatientID = second.PatientID = ""
    second.StudyInstanceUID = "1.2.3.99"
    assert deidentify(first, SECRET).PatientID != deidentify(second, SECRET).PatientID


def test_words_of_ones_own_go():
    dataset = source().headers[0]
    dataset.add_new(0x00091001, "LO", "MARKED")
    dataset.add_new(0x60003000, "OW", b"MARKED")
    own, public = Dataset(), Dataset()
    own.CodeValue, own.CodingSchemeDesignator, own.CodeMeaning = "NPONK", "SECTRA", "MARKED"
    public.CodeValue, public.CodingSchemeDesignator, public.CodeMeaning = "25045-6", "LN", "CT"
    dataset.ProcedureCodeSequence = [own, public]
    dataset.DeidentificationMethod = "done before"
    dataset.add_new(0x0010FFF0, "UN", b"MARKED")  # not in any dictionary
    new = deidentify(dataset, SECRET)
    assert leaks(new) == []
    assert [code.CodingSchemeDesignator for code in new.ProcedureCodeSequence] == ["LN"]
    assert not [element for element in new if element.tag.is_private or element.tag.group >= 0x5000]
    assert new.DeidentificationMethod[0] == "done before"


def test_a_file_is_written_and_its_pixels_are_untouched(tmp_path):
    dataset = source().headers[0]
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.file_meta.SourceApplicationEntityTitle = "MARKED"
    dataset.BitsAllocated = dataset.BitsStored = 16
    dataset.HighBit, dataset.PixelRepresentation, dataset.SamplesPerPixel = 15, 1, 1
    dataset.PhotometricInterpretation = "MONOCHROME2"
    pixels = np.arange(40 * 48, dtype=np.int16)
    dataset.PixelData = pixels.tobytes()
    deidentify(dataset, SECRET).save_as(tmp_path / "ct.dcm", enforce_file_format=True)
    read = pydicom.dcmread(tmp_path / "ct.dcm")
    np.testing.assert_array_equal(read.pixel_array.ravel(), pixels)
    assert b"MARKED" not in (tmp_path / "ct.dcm").read_bytes()
    assert keyword_for_tag(0x00020016) not in read.file_meta


@pytest.mark.data
@pytest.mark.parametrize("name", ["abdomen_2mm", "chest_abdomen_5mm"])
def test_real_files(shared_data, tmp_path, name):
    path = min((shared_data / "dicom" / name).iterdir())
    dataset = pydicom.dcmread(path)
    new = deidentify(dataset, SECRET)
    new.save_as(tmp_path / "ct.dcm", enforce_file_format=True)
    read = pydicom.dcmread(tmp_path / "ct.dcm")
    assert read.PixelData == dataset.PixelData
    np.testing.assert_array_equal(read.pixel_array, dataset.pixel_array)
    assert not [element for element in read.iterall() if element.tag.is_private]
    for keyword in (
        "StudyDescription",
        "InstitutionAddress",
        "ProtocolName",
        "DeviceSerialNumber",
        "StationName",
    ):
        assert dataset.get(keyword, "") in ("", None) or dataset[keyword].value != read.get(keyword)


@pytest.mark.data
def test_dciodvfy_finds_nothing_new_in_a_real_series(shared_data, tmp_path):
    series = read_series(
        shared_data / "dicom" / "abdomen_2mm"
    )  # careless headers: codes of the hospital's own
    spine = spine_on(series.volume.grid, labels=(16, 17, 18, 19))
    objects = [write(spine, series) for write in (seg_of, sr_of, rtstruct_of)]
    objects.append(seg_of(spine, series, labelmap=True))
    image = pydicom.dcmread(series.slices[0].source.path)
    for keyword in ("SOPClassUID", "SOPInstanceUID"):  # in one series they are in the meta information alone
        setattr(image, keyword, image.get(keyword) or image.file_meta.get(f"MediaStorage{keyword}"))
    for before in (*objects, image):
        errors = errors_of(before, tmp_path)
        for dates in ("remove", "shift"):
            assert errors_of(deidentify(before, SECRET, dates=dates), tmp_path) - errors == set()


def errors_of(dataset, folder):
    dataset.save_as(folder / "object.dcm", enforce_file_format=True)
    return set(dciodvfy(folder / "object.dcm")[0])


def test_a_sequence_is_not_left_empty():
    dataset = source().headers[0]
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = "X", "MARKED", "MARKED"
    dataset.ProcedureCodeSequence, dataset.ReferencedImageSequence = [item], []
    dataset.ReferencedPerformedProcedureStepSequence = [Dataset()]
    new = deidentify(dataset, SECRET)
    assert "ProcedureCodeSequence" not in new
    assert "ReferencedPerformedProcedureStepSequence" not in new
    assert len(new.ReferencedImageSequence) == 0
    dataset.Modality = "SR"
    assert len(deidentify(dataset, SECRET).ReferencedPerformedProcedureStepSequence) == 0
