"""Studies without patients' worth, and stand-ins for the pipeline that a node's process can import."""

import os
import signal
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydicom import Dataset, config, dcmread
from pydicom.dataset import FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid

from spondyl.errors import ImageError
from spondyl.volume import Grid, Volume

NAME, PATIENT = "Geheim^Gerda", "PID-4711-X"
"""Must never be seen in a log."""

LOOK_S = 0.02
"""Between two looks of a node at its queue; 0.5 outside of tests."""

SEG, SR = "1.2.840.10008.5.1.4.1.1.66.4", "1.2.840.10008.5.1.4.1.1.88.33"


def make_slices(count: int = 3, *, rows: int = 16) -> list[Dataset]:
    """A small CT study of one series: every slice as bright as its number."""
    hu = np.broadcast_to(np.arange(count, dtype=np.int16), (rows, rows, count))
    return slices_of(Volume(hu, Grid(hu.shape, np.diag([-1.0, -1.0, 2.0, 1.0]))))


def slices_of(volume: Volume) -> list[Dataset]:
    """A CT study of one series; ``volume`` is int16 HU in LPS order."""
    study, series = generate_uid(), generate_uid()
    spacing, first = volume.grid.spacing_mm, volume.grid.affine[:3, 3]
    columns, rows, count = volume.data.shape
    slices = []
    for number in range(count):
        slice_ = Dataset()
        slice_.file_meta = FileMetaDataset()
        slice_.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        slice_.file_meta.MediaStorageSOPClassUID = slice_.SOPClassUID = CTImageStorage
        slice_.file_meta.MediaStorageSOPInstanceUID = slice_.SOPInstanceUID = generate_uid()
        slice_.StudyInstanceUID, slice_.SeriesInstanceUID = study, series
        slice_.PatientName, slice_.PatientID, slice_.Modality = NAME, PATIENT, "CT"
        slice_.PatientBirthDate, slice_.PatientSex = "19470815", "F"
        slice_.StudyDate, slice_.StudyTime, slice_.AccessionNumber, slice_.StudyID = (
            "20260102",
            "101112",
            "",
            "",
        )
        slice_.SeriesNumber, slice_.InstanceNumber = 1, number + 1
        slice_.ImagePositionPatient, slice_.ImageOrientationPatient = (
            [*(f"{value:.6f}" for value in (-first[0], -first[1], first[2] + number * spacing[2]))],
            [1, 0, 0, 0, 1, 0],
        )
        slice_.PixelSpacing, slice_.SliceThickness = [spacing[1], spacing[0]], spacing[2]
        slice_.FrameOfReferenceUID = series
        slice_.Rows, slice_.Columns = rows, columns
        slice_.SamplesPerPixel, slice_.PhotometricInterpretation = 1, "MONOCHROME2"
        slice_.BitsAllocated, slice_.BitsStored, slice_.HighBit, slice_.PixelRepresentation = 16, 16, 15, 1
        slice_.RescaleIntercept, slice_.RescaleSlope = 0, 1
        slice_.PixelData = volume.data[:, :, number].T.astype(np.int16).tobytes()
        slices.append(slice_)
    return slices


@contextmanager
def anything_goes():
    """Lets a test put into a data set what DICOM forbids."""
    settings = config.settings
    before = settings.reading_validation_mode, settings.writing_validation_mode
    settings.reading_validation_mode = settings.writing_validation_mode = config.IGNORE
    try:
        yield
    finally:
        settings.reading_validation_mode, settings.writing_validation_mode = before


def write_slices(slices: list[Dataset], folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for number, slice_ in enumerate(slices):
        slice_.save_as(folder / f"{number:03}.dcm", enforce_file_format=True)
    return folder


def make_result(like: Dataset, class_uid: str, modality: str) -> Dataset:
    """A bare object of the study of ``like``: enough for an archive to take it."""
    result = Dataset()
    result.file_meta = FileMetaDataset()
    result.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    result.file_meta.MediaStorageSOPClassUID = result.SOPClassUID = class_uid
    result.file_meta.MediaStorageSOPInstanceUID = result.SOPInstanceUID = generate_uid()
    for name in ("StudyInstanceUID", "PatientName", "PatientID", "StudyDate", "StudyTime"):
        setattr(result, name, like.get(name))
    result.AccessionNumber = result.StudyID = ""
    result.SeriesInstanceUID, result.Modality = generate_uid(), modality
    result.SeriesNumber = result.InstanceNumber = 1
    return result


@dataclass(frozen=True)
class FakeProcess:
    """Makes one SEG and one SR out of any study, and writes down that it did.

    Attributes:
        diary: Gets a line ``begin``, and a line ``end INSTANCES`` if the end is reached.
        trouble: What goes wrong: nothing, ``"useless"``, ``"broken"``, ``"dies"``, ``"hangs"``,
            ``"hangs once"``.
    """

    diary: Path
    trouble: str = ""

    def __call__(self, study: Path, results: Path) -> None:
        begun = self.diary.read_text().count("begin") if self.diary.exists() else 0
        write_line(self.diary, "begin")
        files = sorted(study.glob("*.dcm"))
        like = dcmread(files[0])
        os.write(2, f"on the screen {like.PatientName}\n".encode())
        match self.trouble:
            case "useless":
                raise ImageError(f"{study}: {like.PatientName} ({like.PatientID}) has no spine")
            case "broken":
                raise RuntimeError(f"{like.PatientName} is too much for me")
            case "dies":
                os.kill(os.getpid(), signal.SIGKILL)
            case "hangs":
                time.sleep(600)
            case "hangs once" if not begun:
                time.sleep(600)
        make_result(like, SEG, "SEG").save_as(results / "1-seg.dcm", enforce_file_format=True)
        make_result(like, SR, "SR").save_as(results / "2-sr.dcm", enforce_file_format=True)
        write_line(self.diary, f"end {len(files)}")


def write_line(file: Path, line: str) -> None:
    with file.open("a") as stream:
        stream.write(line + "\n")
