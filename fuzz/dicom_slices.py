"""A small CT series of DICOM, one slice of which the fuzzer replaces."""

import io
from pathlib import Path

import numpy as np
import pydicom
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian

from spondyl.dicom import read_series

__all__ = ["read_with_others", "slices"]

SLICES = 5


def slices(side: int = 8) -> list[bytes]:
    """The files of the series, from foot to head, ``side`` x ``side`` pixels each."""
    rows = np.random.default_rng(0).integers(-1000, 1500, (SLICES, side, side)).astype(np.int16)
    return [_slice(number, rows[number]) for number in range(SLICES)]


def read_with_others(path: Path, side: int = 8) -> object:
    """Read the series in the folder of ``path``, the first slice of which is given."""
    for number, content in enumerate(_OTHERS[side], start=1):
        (path.parent / f"{number}.dcm").write_bytes(content)
    return read_series(path.parent).volume


def _slice(number: int, pixels: np.ndarray) -> bytes:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = CTImageStorage
    meta.MediaStorageSOPInstanceUID = f"1.2.3.4.{number + 1}"
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    values = {
        "SOPClassUID": CTImageStorage,
        "SOPInstanceUID": f"1.2.3.4.{number + 1}",
        "StudyInstanceUID": "1.2.3.1",
        "SeriesInstanceUID": "1.2.3.2",
        "FrameOfReferenceUID": "1.2.3.3",
        "Modality": "CT",
        "PatientID": "P",
        "ImageType": ["ORIGINAL", "PRIMARY", "AXIAL"],
        "InstanceNumber": number + 1,
        "ImagePositionPatient": [-4, -4, 3 * number],
        "ImageOrientationPatient": [1, 0, 0, 0, 1, 0],
        "PixelSpacing": [0.8, 0.8],
        "SliceThickness": 3,
        "Rows": len(pixels),
        "Columns": len(pixels),
        "BitsAllocated": 16,
        "BitsStored": 16,
        "HighBit": 15,
        "PixelRepresentation": 1,
        "SamplesPerPixel": 1,
        "PhotometricInterpretation": "MONOCHROME2",
        "RescaleSlope": 1,
        "RescaleIntercept": 0,
        "PixelData": pixels.tobytes(),
    }
    stream = io.BytesIO()
    dataset = FileDataset(stream, {}, file_meta=meta, preamble=b"\0" * 128)
    for name, value in values.items():
        setattr(dataset, name, value)
    pydicom.dcmwrite(stream, dataset, enforce_file_format=True)
    return stream.getvalue()


_OTHERS = {side: slices(side)[1:] for side in (8, 16)}
