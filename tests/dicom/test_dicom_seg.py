"""DICOM SEG: what is read back is what was found, voxel by voxel, in every geometry."""

import re
from dataclasses import replace

import highdicom as hd
import numpy as np
import pydicom
import pytest
from pydicom.uid import SegmentationStorage
from sources import LPS, source, spine_on
from validators import dciodvfy, dcmdump

from spondyl.anatomy import COLOURS, NAMES
from spondyl.dicom import seg_of, write_seg
from spondyl.errors import AnnotationError, ImageError
from spondyl.spine import Flag, Spine
from spondyl.volume import Grid, Volume

LABEL_MAP = "1.2.840.10008.5.1.4.1.1.66.7"
KINDS = ("axial", "reversed", "shuffled", "oblique", "tilted", "sagittal", "multi-frame")


def assembled(ds, grid):
    """The label map by the standard's text alone: every frame's pixels to their places in the world."""
    data = np.zeros(grid.shape, np.uint8)
    pixels = ds.pixel_array.reshape(-1, ds.Rows, ds.Columns)
    names = {item.SegmentNumber: item.SegmentLabel for item in ds.SegmentSequence}
    label_of = {name: label for label, name in NAMES.items()}
    (shared,) = ds.SharedFunctionalGroupsSequence
    cosines = np.array(shared.PlaneOrientationSequence[0].ImageOrientationPatient, float)
    between_rows, between_columns = map(float, shared.PixelMeasuresSequence[0].PixelSpacing)
    for frame, groups in zip(pixels, ds.PerFrameFunctionalGroupsSequence, strict=True):
        position = np.array(groups.PlanePositionSequence[0].ImagePositionPatient, float)
        for value in np.unique(frame[frame > 0]):
            rows, columns = np.nonzero(frame == value)
            lps = position + np.outer(columns, cosines[:3]) * between_columns
            lps += np.outer(rows, cosines[3:]) * between_rows
            voxels = grid.to_voxel(lps @ LPS[:3, :3])
            at = np.rint(voxels).astype(int)
            assert np.abs(voxels - at).max() < 1e-3
            if "LABELMAP" not in ds.SegmentationType:
                where = groups if "SegmentIdentificationSequence" in groups else shared
                number = where.SegmentIdentificationSequence[0].ReferencedSegmentNumber
            else:
                number = value
            assert not data[tuple(at.T)].any()
            data[tuple(at.T)] = label_of[names[number]]
    return data


@pytest.mark.parametrize("labelmap", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_read_back_bit_equal(tmp_path, kind, labelmap):
    series = source(kind)
    spine = spine_on(series.grid)
    write_seg(spine, series.headers, tmp_path / "seg.dcm", labelmap=labelmap)
    assert series.headers == source(kind).headers, "the headers handed over were changed"
    ds = pydicom.dcmread(tmp_path / "seg.dcm")
    np.testing.assert_array_equal(assembled(ds, series.grid), spine.mask.data)
    assert len(ds.PerFrameFunctionalGroupsSequence) == ds.NumberOfFrames
    pixels = ds.pixel_array.reshape(-1, ds.Rows, ds.Columns)
    assert pixels.any(axis=(1, 2)).all(), "empty frames"


@pytest.mark.parametrize("kind", KINDS)
def test_highdicom_reads_the_same_and_finds_the_source_images(tmp_path, kind):
    series = source(kind)
    spine = spine_on(series.grid)
    write_seg(spine, series.headers, tmp_path / "seg.dcm")
    seg = hd.seg.segread(tmp_path / "seg.dcm")
    labels = {seg.get_segment_description(n).segment_label: n for n in seg.segment_numbers}
    assert list(labels) == ["T12", "T13", "L1", "L6"]  # head to foot
    instances = sorted(str(header.SOPInstanceUID) for header in series.headers)
    if kind == "multi-frame":
        read = seg.get_pixels_by_source_frame(
            instances[0], list(range(1, 31)), combine_segments=True, assert_missing_frames_are_empty=True
        )[::-1]
    else:
        order = sorted(instances, key=lambda uid: int(uid.rsplit(".", 1)[1]))
        read = seg.get_pixels_by_source_instance(
            order, combine_segments=True, assert_missing_frames_are_empty=True
        )
    table = {"T12": 19, "T13": 28, "L1": 20, "L6": 25}
    back = np.zeros(read.shape, np.uint8)
    for name, number in labels.items():
        back[read == number] = table[name]
    np.testing.assert_array_equal(back.transpose(2, 1, 0), spine.mask.data)
    referenced = {
        str(item.ReferencedSOPInstanceUID)
        for item in seg.ReferencedSeriesSequence[0].ReferencedInstanceSequence
    }
    assert referenced == set(instances)
    assert seg.ReferencedSeriesSequence[0].SeriesInstanceUID == "1.2.3.2"


def test_segments_say_what_they_are():
    series = source()
    seg = seg_of(spine_on(series.grid), series.headers)
    t12, t13, l1, l6 = seg.SegmentSequence
    code = l1.SegmentedPropertyTypeCodeSequence[0]
    assert (code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning) == (
        "66794005",
        "SCT",
        "L1 vertebra",
    )
    assert l1.SegmentedPropertyCategoryCodeSequence[0].CodeMeaning == "Anatomical Structure"
    assert t13.SegmentedPropertyTypeCodeSequence[0].CodeValue == "51282000"
    regions = [item.get("AnatomicRegionSequence") for item in (t12, t13, l1, l6)]
    assert [region and region[0].CodeMeaning for region in regions] == [
        None,
        "Thoracic spine",
        None,
        "Lumbar spine",
    ]
    assert (t12.SegmentAlgorithmType, t12.SegmentAlgorithmName) == ("AUTOMATIC", "Spondyl default")
    assert len({str(s.TrackingUID) for s in seg.SegmentSequence}) == 4
    for segment, label in zip(seg.SegmentSequence, (19, 28, 20, 25), strict=True):
        lab = segment.RecommendedDisplayCIELabValue
        rgb = hd.color.CIELabColor.from_dicom_value(lab).to_rgb(clip=True)
        np.testing.assert_allclose(rgb, COLOURS[label], atol=2)
    assert (seg.PatientName, seg.PatientID, seg.StudyInstanceUID) == ("Öz^Ayşe", "P-1", "1.2.3.1")
    assert (seg.FrameOfReferenceUID, seg.SeriesNumber) == ("1.2.3.3", 361)


def test_corrected_names_are_half_automatic_and_annotations_manual():
    series = source()
    spine = spine_on(series.grid)
    by_hand = replace(spine, flags=(*spine.flags, Flag("corrected", "Names were corrected by hand.")))
    assert seg_of(by_hand, series.headers).SegmentSequence[0].SegmentAlgorithmType == "SEMIAUTOMATIC"
    manual = seg_of(replace(spine, provenance={}), series.headers).SegmentSequence[0]
    assert manual.SegmentAlgorithmType == "MANUAL"
    assert "SegmentAlgorithmName" not in manual


def test_same_input_same_bytes_other_input_other_uid(tmp_path):
    series = source()
    spine = spine_on(series.grid)
    for name in "ab":
        write_seg(spine, source().headers, tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    slower = replace(spine, provenance={**spine.provenance, "timings_s": {"read": 2.0}})
    write_seg(slower, series.headers, tmp_path / "c")
    assert (tmp_path / "a").read_bytes() == (tmp_path / "c").read_bytes()
    data = spine.mask.data.copy()
    data[5, 5, 5] = 20
    others = (
        replace(spine, mask=Volume(data, series.grid)),
        spine.relabelled({25: 24}),
        replace(spine, flags=()),
    )
    uids = {str(seg_of(other, series.headers).SOPInstanceUID) for other in (spine, *others)}
    uids.add(str(seg_of(spine, series.headers, labelmap=True).SOPInstanceUID))
    assert len(uids) == 5
    assert all(len(uid) <= 64 for uid in uids)


def test_a_resampled_scan_goes_back_to_the_slices(tmp_path, caplog):
    series = source("tilted")
    grid = Grid((100, 140, 120), np.array([[-1, 0, 0, 40], [0, -1, 0, 55], [0, 0, 0.9, -96], [0, 0, 0, 1]]))
    assert grid.contains(series.grid.to_world([[0, 0, 0], [47, 39, 29]])).all()
    spine = spine_on(grid)
    write_seg(spine, series.headers, tmp_path / "seg.dcm")
    assert "nearest voxel" in caplog.text
    ds = pydicom.dcmread(tmp_path / "seg.dcm")
    at = np.stack(np.meshgrid(*[np.arange(n) for n in series.grid.shape], indexing="ij"), axis=-1)
    voxels = np.rint(grid.to_voxel(series.grid.to_world(at))).astype(int)
    expected = spine.mask.data[tuple(np.moveaxis(voxels, -1, 0))]
    assert len(np.unique(expected)) >= 4
    np.testing.assert_array_equal(assembled(ds, series.grid), expected)


def test_a_missing_slice_has_no_frame(tmp_path):
    series = source()
    spine = spine_on(series.grid)
    gone = int(np.flatnonzero(spine.mask.data.any(axis=(0, 1)))[-3])
    write_seg(spine, [h for n, h in enumerate(series.headers) if n != gone], tmp_path / "seg.dcm")
    expected = spine.mask.data.copy()
    expected[:, :, gone] = 0
    np.testing.assert_array_equal(assembled(pydicom.dcmread(tmp_path / "seg.dcm"), series.grid), expected)


def test_another_scan_is_refused():
    series = source()
    elsewhere = Grid(series.grid.shape, series.grid.affine + np.eye(4, 4, 3) * 500)
    with pytest.raises(AnnotationError, match="another series"):
        seg_of(spine_on(elsewhere), series.headers)


def test_nothing_found_is_no_segmentation():
    series = source()
    empty = Spine((), Volume(np.zeros(series.grid.shape, np.uint8), series.grid))
    for spine in (empty, Spine()):
        with pytest.raises(AnnotationError, match="needs a segment"):
            seg_of(spine, series.headers)


def test_headers_as_careless_programs_leave_them(tmp_path, caplog):
    series = source()
    spine = spine_on(series.grid)
    for header in series.headers:
        for keyword in (
            "PatientID",
            "StudyID",
            "StudyDate",
            "StudyTime",
            "SeriesDate",
            "FrameOfReferenceUID",
        ):
            delattr(header, keyword)
        header.StudyInstanceUID = None
        header.PatientSex = "FEMALE"
        header.PatientName = "C3L-00189"
    write_seg(spine, series.headers, tmp_path / "seg.dcm")
    ds = pydicom.dcmread(tmp_path / "seg.dcm")
    assert ds.StudyInstanceUID.startswith("2.25.")
    assert (ds.PatientSex, ds.PatientName, ds.ContentDate) == ("", "C3L-00189", "19000101")
    assert len(caplog.records) == 2
    np.testing.assert_array_equal(assembled(ds, series.grid), spine.mask.data)
    with pytest.raises(ImageError, match="there are none"):
        seg_of(spine, [])
    del series.headers[3].ImagePositionPatient
    with pytest.raises(ImageError, match="position"):
        seg_of(spine, series.headers)


@pytest.mark.parametrize("kind", KINDS)
def test_dciodvfy_finds_no_error(tmp_path, kind):
    series = source(kind)
    write_seg(spine_on(series.grid), series.headers, tmp_path / "seg.dcm")
    errors, _ = dciodvfy(tmp_path / "seg.dcm")
    assert errors == []
    assert "SegmentationStorage" in dcmdump(tmp_path / "seg.dcm")


@pytest.mark.parametrize("kind", ["oblique", "multi-frame"])
def test_label_maps_differ_from_segmentations_as_they_must_and_no_more(tmp_path, kind):
    """dciodvfy of 2022 is older than label maps (2024): it does not know their class.

    As an ordinary segmentation it can check all they share. What it objects to then is what makes a label
    map (PS3.3 C.8.20): their type, segment 0 as background, and frames of all segments instead of one.
    """
    series = source(kind)
    write_seg(spine_on(series.grid), series.headers, tmp_path / "seg.dcm", labelmap=True)
    from_zero = (
        "SegmentNumber - SegmentNumber not monotonically increasing from one by one - have SegmentSequence"
        " item number 1 (from one) with SegmentNumber of 0"
    )
    assert complaints(tmp_path / "seg.dcm") == {"Information Object Not found", from_zero}
    ds = pydicom.dcmread(tmp_path / "seg.dcm")
    assert (ds.SOPClassUID, ds.SegmentSequence[0].SegmentLabel) == (LABEL_MAP, "Background")
    ds.SOPClassUID = ds.file_meta.MediaStorageSOPClassUID = SegmentationStorage
    ds.save_as(tmp_path / "seg.dcm")
    assert complaints(tmp_path / "seg.dcm") == {
        "SegmentationType - Unrecognized enumerated value = <LABELMAP>",
        from_zero,
        "SegmentNumber - Value is zero",
        "SegmentIdentificationSequence - Missing attribute for Type 1 Required - Module=<SegmentationMacro>",
    }


def complaints(path):
    """Errors, of places only the attribute."""
    errors, _ = dciodvfy(path)
    return {
        re.sub(r"^Error - (</.*?([A-Za-z]+)\([0-9a-f,]{9}\)(\[1\])?>)?", r"\2", error) for error in errors
    }


@pytest.mark.parametrize("kind", ["oblique", "multi-frame"])
def test_dcmtk_reads_label_maps(tmp_path, kind):
    series = source(kind)
    write_seg(spine_on(series.grid), series.headers, tmp_path / "seg.dcm", labelmap=True)
    assert "[LABELMAP]" in dcmdump(tmp_path / "seg.dcm")
