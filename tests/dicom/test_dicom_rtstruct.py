"""RT structure sets: contours lie in the source images and fill to the mask."""

import numpy as np
import pydicom
import pytest
from sources import LPS, source, spine_on
from test_dicom_contours import filled
from validators import dciodvfy, dcmdump

from spondyl.anatomy import COLOURS, LABEL_OF
from spondyl.dicom import rtstruct_of, write_rtstruct
from spondyl.errors import AnnotationError
from spondyl.spine import Spine

KINDS = ("axial", "reversed", "oblique", "tilted", "sagittal", "multi-frame")


def positions(series):
    """Position of the frame that an item of a Contour Image Sequence names."""
    if "PerFrameFunctionalGroupsSequence" in series.headers[0]:
        frames = series.headers[0].PerFrameFunctionalGroupsSequence
        return {
            ("1.2.3.5.1", number): np.array(frame.PlanePositionSequence[0].ImagePositionPatient, float)
            for number, frame in enumerate(frames, start=1)
        }
    return {
        (str(header.SOPInstanceUID), None): np.array(header.ImagePositionPatient, float)
        for header in series.headers
    }


@pytest.mark.parametrize("kind", KINDS)
def test_filled_contours_are_the_mask(tmp_path, kind):
    series = source(kind)
    spine = spine_on(series.grid)
    write_rtstruct(spine, series.headers, tmp_path / "rt.dcm")
    ds = pydicom.dcmread(tmp_path / "rt.dcm")
    names = {roi.ROINumber: roi.ROIName for roi in ds.StructureSetROISequence}
    where = positions(series)
    back = np.zeros(series.grid.shape, np.uint8)
    columns, rows = series.grid.shape[:2]
    for roi in ds.ROIContourSequence:
        label = LABEL_OF[names[roi.ReferencedROINumber]]
        assert tuple(roi.ROIDisplayColor) == COLOURS[label]
        for contour in roi.ContourSequence:
            points = np.array(contour.ContourData, float).reshape(-1, 3)
            assert (contour.ContourGeometricType, contour.NumberOfContourPoints) == (
                "CLOSED_PLANAR",
                len(points),
            )
            voxels = series.grid.to_voxel(points @ LPS[:3, :3])
            k = int(np.rint(voxels[0, 2]))
            assert np.abs(voxels[:, 2] - k).max() < 2e-3, "not in the plane of a slice"
            (image,) = contour.ContourImageSequence
            place = where[str(image.ReferencedSOPInstanceUID), image.get("ReferencedFrameNumber")]
            assert np.rint(series.grid.to_voxel(LPS[:3, :3] @ place)).tolist() == [0, 0, k]
            inside = filled((rows, columns), [np.round(voxels[:, 1::-1] * 2) / 2])
            assert not (back[:, :, k][inside.T]).any()
            back[:, :, k][inside.T] = label
    np.testing.assert_array_equal(back, spine.mask.data)


def test_says_what_it_is_and_what_it_is_about():
    series = source()
    ds = rtstruct_of(spine_on(series.grid), series.headers)
    assert [roi.ROIName for roi in ds.StructureSetROISequence] == ["T12", "T13", "L1", "L6"]
    assert {roi.ROIGenerationAlgorithm for roi in ds.StructureSetROISequence} == {"AUTOMATIC"}
    assert ds.StructureSetROISequence[0].ROIGenerationDescription.startswith("Spondyl default 0.1.0")
    assert (ds.PatientName, ds.StudyInstanceUID, ds.FrameOfReferenceUID) == ("Öz^Ayşe", "1.2.3.1", "1.2.3.3")
    (place,) = ds.ReferencedFrameOfReferenceSequence
    (referenced,) = place.RTReferencedStudySequence[0].RTReferencedSeriesSequence
    assert referenced.SeriesInstanceUID == "1.2.3.2"
    assert len(referenced.ContourImageSequence) == 30
    code = ds.RTROIObservationsSequence[2].RTROIIdentificationCodeSequence[0]
    assert (code.CodeValue, code.CodeMeaning) == ("66794005", "L1 vertebra")


def test_same_input_same_bytes(tmp_path):
    series = source()
    for name in "ab":
        write_rtstruct(spine_on(series.grid), source().headers, tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_nothing_found_is_no_structure_set():
    with pytest.raises(AnnotationError, match="needs a region"):
        rtstruct_of(Spine(), source().headers)


@pytest.mark.parametrize("kind", ["axial", "oblique", "multi-frame"])
def test_dciodvfy_finds_no_error(tmp_path, kind):
    series = source(kind)
    write_rtstruct(spine_on(series.grid), series.headers, tmp_path / "rt.dcm")
    assert dciodvfy(tmp_path / "rt.dcm")[0] == []
    assert "RTStructureSetStorage" in dcmdump(tmp_path / "rt.dcm")
