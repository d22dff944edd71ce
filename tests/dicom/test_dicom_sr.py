"""Structured reports: every number and word of a result, found again by its code."""

from dataclasses import replace

import highdicom as hd
import numpy as np
import pydicom
import pytest
from pydicom.sr.codedict import codes
from pydicom.sr.coding import Code
from sources import source, spine_on
from validators import dciodvfy, dcmdump, dsrdump

from spondyl.dicom import seg_of, sr_of, write_sr
from spondyl.dicom.objects.measures import MEASURED, UNITS
from spondyl.morphometry import Curve, DiscMeasures, Measurement, Morphometry, VertebraMeasures, measure
from spondyl.phantom import PhantomOptions, make_phantom
from spondyl.spine import Flag, Spine

CUT = Flag("partly_visible", "The scan ends in it.")
NEAR = Flag("near_limit", "Near the next grade.")


def measured():
    values = {
        "height_anterior": Measurement(25.31, "mm", 0.4),
        "volume": Measurement(31.2, "ml"),
        "genant_grade": Measurement(1, "grade", remarks=(NEAR,)),
        "trabecular_hu": Measurement(None, "HU", refused=CUT),
        "depth": Measurement(None, "mm", refused=CUT),
    }
    discs = DiscMeasures(28, 20, {"wedge": Measurement(3.5, "deg", 1.0)})
    curve = Measurement(12.0, "deg", 2.0)
    return Morphometry(
        (VertebraMeasures(19, values, "wedge"),),
        (discs,),
        {"coronal_cobb": curve},
        (Curve(19, 25, curve, "left"),),
    )


@pytest.fixture
def report(tmp_path):
    series = source("oblique")
    spine = spine_on(series.grid)
    flagged = replace(spine.vertebrae[0], flags=(CUT,))
    spine = replace(spine, vertebrae=(flagged, *spine.vertebrae[1:]))
    write_sr(spine, series.headers, tmp_path / "sr.dcm", measurements=measured())
    return series, spine, tmp_path / "sr.dcm"


def groups_of(path):
    """Tracking identifier to the items of its group, by the standard's text alone."""
    ds = pydicom.dcmread(path)
    (measurements,) = (
        item
        for item in ds.ContentSequence
        if item.ConceptNameCodeSequence[0].CodeMeaning == "Imaging Measurements"
    )
    groups = {}
    for group in measurements.ContentSequence:
        items = group.ContentSequence
        (name,) = (i.TextValue for i in items if i.ConceptNameCodeSequence[0].CodeValue == "112039")
        groups[name] = list(items)
    return groups


def numbers_of(items):
    found = {}
    for item in items:
        if item.ValueType == "NUM":
            (value,) = item.MeasuredValueSequence
            code = item.ConceptNameCodeSequence[0]
            unit = value.MeasurementUnitsCodeSequence[0]
            assert unit.CodingSchemeDesignator == "UCUM"
            found[code.CodingSchemeDesignator, code.CodeValue] = (float(value.NumericValue), unit.CodeValue)
    return found


def comments_of(items):
    return [
        item.TextValue
        for item in items
        if item.ValueType == "TEXT"
        and "ConceptNameCodeSequence" in item
        and item.ConceptNameCodeSequence[0].CodeValue == "121106"
    ]


def test_centroids_are_points_in_the_patient(report):
    _, spine, path = report
    groups = groups_of(path)
    for vertebra in spine:
        (point,) = (item for item in groups[vertebra.name] if item.ValueType == "SCOORD3D")
        assert point.GraphicType == "POINT"
        assert point.ReferencedFrameOfReferenceUID == "1.2.3.3"
        np.testing.assert_allclose(np.array(point.GraphicData) * (-1, -1, 1), vertebra.centroid_mm, atol=2e-3)


def test_numbers_units_uncertainty_and_reasons(report):
    groups = groups_of(report[2])
    assert list(groups) == ["Spine", "T12", "T13", "L1", "L6", "T13/L1", "Curve T12-L6"]
    assert numbers_of(groups["T12"]) == {
        ("99SPONDYL", "NameProbability"): (0.9, "1"),
        ("99SPONDYL", "HeightAnterior"): (25.31, "mm"),
        ("SCT", "118565006"): (31.2, "ml"),
        ("99SPONDYL", "GenantGrade"): (1.0, "1"),
    }
    height = next(i for i in groups["T12"] if i.ConceptNameCodeSequence[0].CodeValue == "HeightAnterior")
    assert numbers_of(height.ContentSequence) == {
        ("SCT", "371886008"): (0.4, "mm"),
        ("SCT", "371885007"): (0.4, "mm"),
    }
    assert comments_of(groups["T12"]) == [
        "The scan ends in it.",
        "Suggested deformity: wedge",
        "Near the next grade. (Genant grade suggested from heights)",
        f"Not measured: {CUT.message} ({MEASURED['trabecular_hu'].meaning}; {MEASURED['depth'].meaning})",
    ]
    assert numbers_of(groups["Spine"]) == {
        ("99SPONDYL", "VertebraCount"): (4.0, "1"),
        ("99SPONDYL", "NumberingProb"): (0.8, "1"),
        ("SCT", "285285000"): (12.0, "deg"),
    }
    assert comments_of(groups["Spine"]) == [
        "The numbering is uncertain – look.",
        "Other numbering (10%): one level lower: T12 T13 L1 L6",
    ]
    assert numbers_of(groups["T13/L1"]) == {("99SPONDYL", "DiscWedge"): (3.5, "deg")}
    assert comments_of(groups["Curve T12-L6"]) == ["Convex to the left"]


def test_highdicom_finds_the_groups(report):
    series, spine, path = report
    document = hd.sr.srread(path)
    assert isinstance(document, hd.sr.Comprehensive3DSR)
    found = document.content.get_planar_roi_measurement_groups()
    assert [group.tracking_identifier for group in found] == list(spine.names)
    assert [group.finding_type.meaning for group in found] == [
        "T12 vertebra",
        "Vertebra",
        "L1 vertebra",
        "Vertebra",
    ]
    assert [site.value.meaning for group in found[1::2] for site in group.finding_sites] == [
        "Thoracic spine",
        "Lumbar spine",
    ]
    (l1,) = document.content.get_planar_roi_measurement_groups(
        finding_site=Code("66794005", "SCT", "L1 vertebra")
    )
    assert l1.finding_category == codes.SCT.AnatomicalStructure
    seg = seg_of(spine, series.headers)
    assert [group.tracking_uid for group in found] == [s.TrackingUID for s in seg.SegmentSequence]


def test_evidence_is_the_source_series(report):
    ds = pydicom.dcmread(report[2])
    (study,) = ds.CurrentRequestedProcedureEvidenceSequence
    (series,) = study.ReferencedSeriesSequence
    assert (study.StudyInstanceUID, series.SeriesInstanceUID) == ("1.2.3.1", "1.2.3.2")
    assert {str(item.ReferencedSOPInstanceUID) for item in series.ReferencedSOPSequence} == {
        f"1.2.3.4.{n}" for n in range(1, 31)
    }
    assert (ds.PatientName, ds.CompletionFlag, ds.VerificationFlag) == ("Öz^Ayşe", "COMPLETE", "UNVERIFIED")


def test_nothing_found_is_a_report_without_findings(tmp_path):
    nothing = Spine(flags=(Flag("not_a_spine", "No spine was found."),))
    write_sr(nothing, source().headers, tmp_path / "sr.dcm")
    groups = groups_of(tmp_path / "sr.dcm")
    assert list(groups) == ["Spine"]
    assert numbers_of(groups["Spine"]) == {("99SPONDYL", "VertebraCount"): (0.0, "1")}
    assert comments_of(groups["Spine"]) == ["No spine was found."]
    assert dciodvfy(tmp_path / "sr.dcm")[0] == []
    assert "Imaging Measurement Report" in dsrdump(tmp_path / "sr.dcm")


def test_same_input_same_bytes_other_measurements_other_uid(tmp_path):
    series = source()
    spine = spine_on(series.grid)
    for name in "ab":
        write_sr(spine, source().headers, tmp_path / name, measurements=measured())
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert sr_of(spine, series.headers).SOPInstanceUID != pydicom.dcmread(tmp_path / "a").SOPInstanceUID


def test_every_measurement_there_is_has_a_code():
    phantom = make_phantom(3, PhantomOptions(levels=("L1", "L3"), spacing_mm=(2.0, 2.0, 2.0)))
    found = measure(phantom.image, phantom.spine)
    for structure, name, value in found.rows():
        assert ("disc_" if "/" in structure else "") + name in MEASURED
        assert value.unit in UNITS
    assert all(len(code.value) <= 16 and len(code.meaning) <= 64 for code in MEASURED.values())
    assert len(set(MEASURED.values())) == len(MEASURED)


def test_dciodvfy_and_dcmtk_find_no_error(report):
    errors, warnings = dciodvfy(report[2])
    assert errors == []
    assert [line for line in warnings if "99SPONDYL" not in line] == []
    assert "Comprehensive3DSRStorage" in dcmdump(report[2])
    assert 'SCOORD3D:(,,"Image Region")=(POINT' in dsrdump(report[2])
