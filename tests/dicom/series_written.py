"""CT series written with pydicom, in every variant that scanners and archives make of them."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

CT = "1.2.840.10008.5.1.4.1.1.2"
ENHANCED_CT = "1.2.840.10008.5.1.4.1.1.2.1"
AXIAL = (1, 0, 0, 0, 1, 0)
SAGITTAL = (0, 1, 0, 0, 0, -1)
CORONAL = (1, 0, 0, 0, 0, -1)


@dataclass
class Series:
    """How to write a series; each slice may be changed by ``edit(dataset, index)`` before it is written."""

    hu: np.ndarray = field(default_factory=lambda: blobs((9, 24, 32)))  # (slices, rows, columns)
    axes: tuple = AXIAL
    pixel_mm: tuple = (0.8, 0.7)  # of rows, of columns
    step_mm: float = 2.5
    origin: tuple = (-30.0, 20.0, -100.0)
    tilt_deg: float = 0.0  # slices displaced along their columns, as a tilted gantry does
    heights_mm: tuple | None = None
    slope: float = 1.0
    intercept: float = -1024.0
    signed: bool = False
    bits: int = 12
    edit: object = None
    study_uid: str = field(default_factory=generate_uid)
    series_uid: str = field(default_factory=generate_uid)
    tags: dict = field(default_factory=dict)

    def datasets(self):
        row, column = np.array(self.axes[:3], float), np.array(self.axes[3:], float)
        normal = np.cross(row, column)
        heights = self.heights_mm or [k * self.step_mm for k in range(len(self.hu))]
        lean = np.tan(np.radians(self.tilt_deg))
        for index, (picture, height) in enumerate(zip(self.hu, heights, strict=True)):
            position = np.array(self.origin) + height * (normal + lean * column)
            dataset = self.dataset(picture, position, index)
            if self.edit:
                self.edit(dataset, index)
            yield dataset

    def dataset(self, picture, position, index):
        meta = FileMetaDataset()
        meta.MediaStorageSOPClassUID = CT
        meta.MediaStorageSOPInstanceUID = generate_uid()
        meta.TransferSyntaxUID = ExplicitVRLittleEndian
        ds = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
        ds.SOPClassUID, ds.SOPInstanceUID = CT, meta.MediaStorageSOPInstanceUID
        ds.StudyInstanceUID, ds.SeriesInstanceUID = self.study_uid, self.series_uid
        ds.FrameOfReferenceUID = (self.study_uid or "1.2")[:60] + ".1"
        ds.Modality, ds.ImageType = "CT", ["ORIGINAL", "PRIMARY", "AXIAL"]
        ds.PatientName, ds.PatientID, ds.PatientBirthDate = "Secret^Person", "HUSH4711", "19500102"
        ds.SeriesNumber, ds.SeriesDescription, ds.InstanceNumber = 3, "Spine 2.5", index + 1
        ds.Rows, ds.Columns, ds.SamplesPerPixel = *picture.shape, 1
        ds.PhotometricInterpretation = "MONOCHROME2"
        ds.BitsAllocated, ds.BitsStored, ds.HighBit = 16, self.bits, self.bits - 1
        ds.PixelRepresentation = int(self.signed)
        ds.PixelSpacing, ds.SliceThickness = [repr(float(mm)) for mm in self.pixel_mm], self.step_mm
        ds.ImagePositionPatient = [f"{mm:.10g}" for mm in position]
        ds.ImageOrientationPatient = [f"{part:.10g}" for part in self.axes]
        ds.RescaleSlope, ds.RescaleIntercept, ds.RescaleType = self.slope, self.intercept, "HU"
        for keyword, value in self.tags.items():
            setattr(ds, keyword, value)
        store(ds, picture)
        return ds

    def write(self, folder: Path, order=None) -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        made = list(self.datasets())
        for name, index in enumerate(range(len(made)) if order is None else order):
            made[index].save_as(folder / f"IM{name:04d}", enforce_file_format=True)
        return folder

    def write_enhanced(self, file: Path, order=None) -> Path:
        """The same as one multi-frame file; frames in the order given."""
        made = list(self.datasets())
        made = [made[index] for index in (range(len(made)) if order is None else order)]
        ds = made[0]
        pixels = b"".join(one.PixelData for one in made)
        ds.SOPClassUID = ds.file_meta.MediaStorageSOPClassUID = ENHANCED_CT
        ds.NumberOfFrames = len(made)
        shared, turn, measures = Dataset(), Dataset(), Dataset()
        turn.ImageOrientationPatient = ds.ImageOrientationPatient
        measures.PixelSpacing, measures.SliceThickness = ds.PixelSpacing, ds.SliceThickness
        shared.PlaneOrientationSequence, shared.PixelMeasuresSequence = [turn], [measures]
        ds.SharedFunctionalGroupsSequence = [shared]
        ds.PerFrameFunctionalGroupsSequence = [_frame(one) for one in made]
        for keyword in ("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing", "SliceThickness",
                        "RescaleSlope", "RescaleIntercept", "RescaleType"):  # fmt: skip
            delattr(ds, keyword)
        ds.PixelData = pixels
        file.parent.mkdir(parents=True, exist_ok=True)
        ds.save_as(file, enforce_file_format=True)
        return file


def _frame(one: Dataset) -> Dataset:
    frame, place, values, content = Dataset(), Dataset(), Dataset(), Dataset()
    place.ImagePositionPatient = one.ImagePositionPatient
    values.RescaleSlope, values.RescaleIntercept = one.RescaleSlope, one.RescaleIntercept
    values.RescaleType = one.RescaleType
    content.StackID, content.FrameAcquisitionNumber = "1", one.get("AcquisitionNumber", 1)
    frame.PlanePositionSequence, frame.PixelValueTransformationSequence = [place], [values]
    frame.FrameContentSequence = [content]
    return frame


def store(ds: Dataset, hu: np.ndarray) -> None:
    """Put HU into a data set as its rescale, bits and sign say."""
    stored = np.rint((hu - float(ds.RescaleIntercept)) / float(ds.RescaleSlope)).astype(int)
    dtype = np.int16 if ds.PixelRepresentation else np.uint16
    stored &= (1 << ds.BitsStored) - 1
    if ds.PixelRepresentation and ds.BitsStored < 16:
        stored = np.where(stored >> (ds.BitsStored - 1), stored - (1 << ds.BitsStored), stored)
    ds.PixelData = stored.astype(dtype if not ds.PixelRepresentation else np.int16).tobytes()


def blobs(shape, seed=0) -> np.ndarray:
    """Something smooth between air and bone, unlike itself in every mirror; ``(slices, rows, columns)``."""
    from scipy import ndimage

    noise = np.random.default_rng(seed).normal(size=shape)
    smooth = ndimage.gaussian_filter(noise, 2)
    smooth = (smooth - smooth.min()) / np.ptp(smooth)
    return np.rint(-1000 + 2500 * smooth + np.linspace(0, 200, shape[2])).astype(int)
