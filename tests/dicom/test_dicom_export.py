"""DICOM objects as formats: beside a result, from a result, after a correction."""

import logging
import shutil
from dataclasses import replace

import numpy as np
import pydicom
import pytest
from pydicom import FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian
from sources import source, spine_on
from test_dicom_seg import assembled
from validators import dciodvfy

from spondyl.anatomy import LABEL_OF
from spondyl.cli import app
from spondyl.dicom import deidentify, read_series, seg_of, write_rtstruct, write_seg, write_sr
from spondyl.errors import AnnotationError, ImageError, InputError
from spondyl.export.convert import export_result
from spondyl.outputs import write_outputs
from spondyl.relabel import relabel, undo
from spondyl.result import Result
from spondyl.spine import Spine
from spondyl.volume import Volume

KINDS = ("dicom-seg", "dicom-labelmap", "dicom-sr", "rtstruct")
NAMES = ("segmentation.dcm", "labelmap.dcm", "report.dcm", "rtstruct.dcm")


def write_series(folder, kind="axial"):
    folder.mkdir(parents=True)
    rng = np.random.default_rng(3)
    for header in source(kind).headers:
        header.file_meta = FileMetaDataset()
        header.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        header.BitsAllocated = header.BitsStored = 16
        header.HighBit, header.PixelRepresentation, header.SamplesPerPixel = 15, 1, 1
        header.PhotometricInterpretation, header.RescaleSlope, header.RescaleIntercept = "MONOCHROME2", 1, 0
        header.PixelData = rng.integers(-900, 900, (header.Rows, header.Columns)).astype(np.int16).tobytes()
        header.save_as(folder / f"{header.InstanceNumber:03}.dcm", enforce_file_format=True)


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    """A series, and what ``predict --outputs`` makes of it."""
    root = tmp_path_factory.mktemp("original")
    write_series(root / "series")
    series = read_series(root / "series")
    spine = spine_on(series.volume.grid)
    file = root / "series" / "001.dcm"
    result = write_outputs(spine, series.volume, root / "out", file=file, also=KINDS, preview=False)
    assert [result.files[kind] for kind in KINDS] == list(NAMES)
    return root, series, spine


@pytest.fixture
def predicted(original, tmp_path):
    """A copy to be changed; a result remembers the way to its scan, not the place."""
    root, series, spine = original
    shutil.copytree(root, tmp_path, dirs_exist_ok=True)
    return tmp_path / "out", series, spine


def test_written_beside_the_result_from_what_was_read(predicted, tmp_path):
    folder, series, spine = predicted
    seg = pydicom.dcmread(folder / "segmentation.dcm")
    np.testing.assert_array_equal(assembled(seg, series.volume.grid), spine.mask.data)
    for name in NAMES:
        ds = pydicom.dcmread(folder / name)
        assert (ds.StudyInstanceUID, ds.PatientID) == (series.study_uid, "P-1")
    # The headers of a series that was read with its pixels lead to the same object.
    exact = replace(spine, vertebrae=tuple(replace(v, centroid_mm=np.round(v.centroid_mm, 3)) for v in spine))
    write_seg(exact, series, tmp_path / "direct.dcm")
    assert (tmp_path / "direct.dcm").read_bytes() == (folder / "segmentation.dcm").read_bytes()


def test_a_correction_rewrites_them_and_undo_brings_them_back(predicted):
    folder, _, _ = predicted
    before = {name: (folder / name).read_bytes() for name in NAMES}
    relabel(folder, {"L6": "L5"}, only=True)
    seg = pydicom.dcmread(folder / "segmentation.dcm")
    assert [segment.SegmentLabel for segment in seg.SegmentSequence] == ["T12", "T13", "L1", "L5"]
    assert {segment.SegmentAlgorithmType for segment in seg.SegmentSequence} == {"SEMIAUTOMATIC"}
    for name in NAMES:
        old, new = pydicom.dcmread(folder / name), before[name]
        assert str(old.SOPInstanceUID).encode() not in new
    undo(folder)
    assert {name: (folder / name).read_bytes() for name in NAMES} == before


def test_export_finds_the_series_again_or_is_told(predicted, tmp_path):
    folder, _, _ = predicted
    paths = export_result(folder, KINDS, tmp_path / "copies")
    assert [path.name for path in paths.values()] == list(NAMES)
    for path in paths.values():
        assert path.read_bytes() == (folder / path.name).read_bytes()
    (tmp_path / "series").rename(tmp_path / "moved")
    with pytest.raises(ImageError, match="--series"):
        export_result(folder, ["dicom-sr"], tmp_path / "again")
    words = ["export", folder, "--to", "dicom-seg", "--series", tmp_path / "moved", "-o", tmp_path / "again"]
    app([str(word) for word in words], result_action="return_value")
    again = tmp_path / "again" / "segmentation.dcm"
    assert again.read_bytes() == (folder / "segmentation.dcm").read_bytes()


def test_a_tilted_series_gets_its_labels_back_on_its_slices(tmp_path):
    """The reader moves slices until they stand one above the other; their own places lead back."""
    write_series(tmp_path / "series", "tilted")
    series = read_series(tmp_path / "series")
    spine = spine_on(series.volume.grid)
    seg = seg_of(spine, series)
    names = {segment.SegmentNumber: segment.SegmentLabel for segment in seg.SegmentSequence}
    where = {piece.sop_uid: number for number, piece in enumerate(series.slices)}
    back = np.zeros((len(series.slices), seg.Rows, seg.Columns), np.uint8)
    frames = seg.pixel_array.reshape(-1, seg.Rows, seg.Columns)
    for frame, groups in zip(frames, seg.PerFrameFunctionalGroupsSequence, strict=True):
        number = groups.SegmentIdentificationSequence[0].ReferencedSegmentNumber
        image = groups.DerivationImageSequence[0].SourceImageSequence[0].ReferencedSOPInstanceUID
        back[where[str(image)]][frame > 0] = LABEL_OF[names[number]]
    rows, columns = np.meshgrid(np.arange(seg.Rows), np.arange(seg.Columns), indexing="ij")
    expected = np.zeros_like(back)
    for out, piece in zip(expected, series.slices, strict=True):
        axes, (between_rows, between_columns) = np.array(piece.axes).reshape(2, 3), piece.pixel_mm
        right, down = columns[..., None] * axes[0] * between_columns, rows[..., None] * axes[1] * between_rows
        world = (np.array(piece.position_mm) + right + down) * (-1, -1, 1)
        out[...] = spine.mask.data[tuple(np.rint(series.volume.grid.to_voxel(world)).astype(int).T)].T
    assert np.unique(expected).tolist() == [0, 19, 20, 25, 28]
    differ = (back != expected).sum() / (expected > 0).sum()
    assert differ < 0.01  # ties, where a pixel lies half-way between two voxels


def test_deidentified_objects_refer_to_the_deidentified_series(predicted, tmp_path):
    folder, series, _ = predicted
    words = [
        "export",
        folder,
        "--to",
        ",".join(KINDS),
        "-o",
        tmp_path / "away",
        "--deidentify",
        tmp_path / "key",
    ]
    app([str(word) for word in words], result_action="return_value")
    secret = (tmp_path / "key").read_bytes()
    assert (len(secret), (tmp_path / "key").stat().st_mode & 0o077) == (32, 0)
    images = {str(deidentify(header, secret).SOPInstanceUID) for header in series.datasets}
    for name in NAMES:
        raw, ds = (tmp_path / "away" / name).read_bytes(), pydicom.dcmread(tmp_path / "away" / name)
        assert ds.PatientIdentityRemoved == "YES"
        assert [word for word in ("Öz", "Ayşe", "19700102", "Who^Dr") if word.encode() in raw] == []
        values = {str(element.value) for element in ds.iterall() if element.VR in ("UI", "LO")}
        assert not values & {
            "P-1",
            series.study_uid,
            *(str(header.SOPInstanceUID) for header in series.datasets),
        }
        assert values & images
    before = {name: (tmp_path / "away" / name).read_bytes() for name in NAMES}
    app([*map(str, words), "--overwrite"], result_action="return_value")
    assert {name: (tmp_path / "away" / name).read_bytes() for name in NAMES} == before


def test_what_cannot_be_deidentified_is_refused(predicted, tmp_path):
    folder, _, _ = predicted
    with pytest.raises(InputError, match="not html; leave that out"):
        export_result(folder, ["dicom-sr", "html"], tmp_path / "away", secret=b"s" * 16)
    with pytest.raises(InputError, match="folder of their own"):
        export_result(folder, ["dicom-sr"], secret=b"s" * 16)
    with pytest.raises(InputError, match="at least 16 are needed"):
        export_result(folder, ["dicom-sr"], tmp_path / "away", secret=b"short")
    assert list((tmp_path / "away").glob("*")) == []


@pytest.mark.parametrize("content", [b"", b"short"])
def test_a_file_without_a_secret_is_no_leave_to_go_without(predicted, tmp_path, content):
    folder, _, _ = predicted
    (tmp_path / "key").write_bytes(content)
    words = ["export", folder, "--to", "dicom-sr", "-o", tmp_path / "away", "--deidentify", tmp_path / "key"]
    with pytest.raises(InputError, match=f"a secret of {len(content)} bytes"):
        app([str(word) for word in words], result_action="return_value")
    with pytest.raises(InputError, match="at least 16"):
        export_result(folder, ["dicom-sr"], tmp_path / "away", secret=content)
    assert list((tmp_path / "away").glob("*")) == []


def test_a_refused_export_makes_no_secret(predicted, tmp_path):
    folder, _, _ = predicted
    with pytest.raises(InputError, match="not html"):
        app(["export", str(folder), "--to", "html", "--deidentify", str(tmp_path / "key")])
    assert not (tmp_path / "key").exists()


def test_another_patient_in_the_place_of_the_series_is_refused(predicted, tmp_path, caplog):
    _, series, spine = predicted
    folder, place = tmp_path / "told", tmp_path / "series"
    write_outputs(spine, series.volume, folder, file=place, series=series.series_uid, preview=False)
    for file in place.iterdir():
        ds = pydicom.dcmread(file)
        ds.PatientID, ds.SeriesInstanceUID, ds.StudyInstanceUID = "stranger", "1.2.3.9", "1.2.3.8"
        ds.save_as(file)
    with pytest.raises(ImageError, match=r"not there any more.*--series"):
        export_result(folder, ["dicom-sr"], tmp_path / "x")
    (path,) = export_result(folder, ["dicom-sr"], tmp_path / "x", series=tmp_path / "series").values()
    assert pydicom.dcmread(path).PatientID == "stranger"  # as somebody said
    assert "no series of the UID" in caplog.text


@pytest.mark.data
@pytest.mark.parametrize("name", ["abdomen_2mm", "chest_abdomen_5mm"])
def test_real_series(shared_data, tmp_path, name):
    series = read_series(shared_data / "dicom" / name)
    spine = spine_on(series.volume.grid, labels=(16, 17, 18, 19))
    write_seg(spine, series, tmp_path / "seg.dcm")
    seg = pydicom.dcmread(tmp_path / "seg.dcm")
    np.testing.assert_array_equal(assembled(seg, series.volume.grid), spine.mask.data)
    write_sr(spine, series, tmp_path / "sr.dcm")
    write_rtstruct(spine, series, tmp_path / "rt.dcm")
    assert [error for kind in ("seg", "sr", "rt") for error in dciodvfy(tmp_path / f"{kind}.dcm")[0]] == []


def test_another_series_is_refused(predicted, tmp_path):
    folder, _, _ = predicted
    write_series(tmp_path / "other", "sagittal")
    with pytest.raises(ImageError, match="no series lies on the grid"):
        export_result(folder, ["dicom-seg"], tmp_path / "x", series=tmp_path / "other")
    (tmp_path / "scan.nii.gz").write_bytes(b"not DICOM")
    with pytest.raises(ImageError, match="no DICOM"):
        export_result(folder, ["dicom-seg"], tmp_path / "x", series=tmp_path / "scan.nii.gz")


def test_nothing_found_gives_the_report_alone(tmp_path, caplog):
    write_series(tmp_path / "series")
    volume = read_series(tmp_path / "series").volume
    nothing = Spine((), Volume(np.zeros(volume.grid.shape, np.uint8), volume.grid))
    file = tmp_path / "series" / "001.dcm"
    with caplog.at_level(logging.WARNING):
        result = write_outputs(nothing, volume, tmp_path / "out", file=file, also=KINDS, preview=False)
    assert set(result.files) & set(KINDS) == {"dicom-sr"}
    assert sum("no vertebra was found" in record.message for record in caplog.records) == 3
    assert set(export_result(tmp_path / "out", KINDS, tmp_path / "copies")) == {"dicom-sr"}
    assert Result.read(tmp_path / "out" / "result.json").files == result.files


def test_without_a_mask_only_the_report_can_be_exported(tmp_path):
    write_series(tmp_path / "series")
    volume = read_series(tmp_path / "series").volume
    spine = replace(spine_on(volume.grid), mask=None)
    write_outputs(spine, volume, tmp_path / "out", file=tmp_path / "series" / "001.dcm", preview=False)
    export_result(tmp_path / "out", ["dicom-sr"])
    with pytest.raises(AnnotationError, match="there is no mask"):
        export_result(tmp_path / "out", ["dicom-seg"])
