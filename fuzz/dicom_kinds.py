"""Small CTs of DICOM that are no plain slices: compressed, deflated, multi-frame, zipped, on a disc."""

import io
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

import gdcm
import pydicom
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import (
    ExplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    MediaStorageDirectoryStorage,
    RLELossless,
)

from dicom_slices import slices
from spondyl.dicom import read_series
from spondyl.dicom.decoder import Decoder
from spondyl.dicom.headers import _single
from spondyl.dicom.pixels import slice_hu
from spondyl.dicom.sources import Source

__all__ = ["codestreams", "compressed", "decode", "deflate", "dicomdirs", "enhanced", "read_disc", "zips"]

SIDE = 16
"""Pixels along each side of compressed slices: enough for a few rows of blocks."""

GDCM = {
    JPEG2000Lossless: "JPEG2000Lossless",
    JPEGLSLossless: "JPEGLSLossless",
    JPEGLosslessSV1: "JPEGLosslessProcess14_1",
}

STARTS = {
    b"\xff\x4f": JPEG2000Lossless,
    b"\xff\xd8\xff\xf7": JPEGLSLossless,
    b"\xff\xd8\xff": JPEGLosslessSV1,
}
"""First bytes of a codestream to its transfer syntax; RLE has none."""

PLAIN, DEFLATED = b"1.2.840.10008.1.2.1\0", b"1.2.840.10008.1.2.1.99"


def compressed() -> list[bytes]:
    """The first slice of a series of 16 x 16 pixels, compressed in every way that keeps it."""
    content = slices(SIDE)[0]
    return [_rle(content), *(_by_gdcm(content, name) for name in GDCM.values())]


def codestreams() -> list[bytes]:
    """The compressed pixels alone."""
    files = [pydicom.dcmread(io.BytesIO(content)) for content in compressed()]
    return [pydicom.encaps.get_frame(file.PixelData, 0, number_of_frames=1) for file in files]


def decode(path: Path) -> object:
    """The pixels of a slice whose compressed pixels are a file; their first bytes tell how."""
    frame = path.read_bytes().ljust(2, b"\0")
    dataset = pydicom.dcmread(io.BytesIO(slices(SIDE)[0]))
    dataset.file_meta.TransferSyntaxUID = next(
        (syntax for start, syntax in STARTS.items() if frame.startswith(start)), RLELossless
    )
    dataset.PixelData = pydicom.encaps.encapsulate([frame])
    return slice_hu(dataset, _single(Source(path), dataset, (SIDE, SIDE))[0][0], _DECODER)


def enhanced() -> list[bytes]:
    """The slices as one multi-frame file: plain, and compressed with and without an offset table."""
    plain = _multiframe(slices(SIDE))
    without = pydicom.dcmread(io.BytesIO(_rle(plain)))
    frames = list(pydicom.encaps.generate_frames(without.PixelData, number_of_frames=without.NumberOfFrames))
    without.PixelData = pydicom.encaps.encapsulate(frames, has_bot=False)
    extended = pydicom.dcmread(io.BytesIO(_rle(plain)))
    extended.PixelData, extended.ExtendedOffsetTable, extended.ExtendedOffsetTableLengths = (
        pydicom.encaps.encapsulate_extended(frames)
    )
    kinds = [_written(without), _written(extended), _by_gdcm(plain, "JPEGLSLossless")]
    return [plain, _rle(plain), *kinds]


def deflate(content: bytes) -> bytes:
    """A file in explicit little endian deflated behind its file header."""
    start = min(144 + int.from_bytes(content[140:144], "little"), len(content))
    head = content[:start]
    if PLAIN in head:
        at = head.index(PLAIN)
        head = head[: at - 2] + b"\x16\0" + DEFLATED + head[at + len(PLAIN) :]
        head = head[:140] + (start - 144 + 2).to_bytes(4, "little") + head[144:]
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return head + packer.compress(content[start:]) + packer.flush()


def zips() -> list[bytes]:
    """The series as zip archives: stored, deflated, and with sizes behind the members."""
    found = []
    for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        stream = io.BytesIO()
        with zipfile.ZipFile(stream, "w", method) as archive:
            for number, content in enumerate(slices()):
                archive.writestr(zipfile.ZipInfo(f"CT/{number}.dcm"), content, method)
        found.append(stream.getvalue())
    unseekable = _Unseekable()
    with zipfile.ZipFile(unseekable, "w", zipfile.ZIP_DEFLATED) as archive:
        for number, content in enumerate(slices()):
            archive.writestr(zipfile.ZipInfo(f"{number}.dcm"), content, zipfile.ZIP_DEFLATED)
    return [*found, unseekable.content()]


def dicomdirs() -> list[bytes]:
    """The table of contents of :data:`_DISC`."""
    return [_DISC["DICOMDIR"]]


def read_disc(path: Path) -> object:
    """Read a DICOMDIR beside the images it was made for."""
    for name, content in _DISC.items():
        file = path.parent / name
        if name != "DICOMDIR" and not file.exists():
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)
    return read_series(path).volume


class _Unseekable(io.RawIOBase):
    """A stream that cannot go back, for which zip writes sizes behind the members."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data: object) -> int:
        self._parts.append(bytes(data))  # type: ignore[call-overload]
        return len(self._parts[-1])

    def content(self) -> bytes:
        return b"".join(self._parts)


def _rle(content: bytes) -> bytes:
    dataset = pydicom.dcmread(io.BytesIO(content))
    dataset.compress(RLELossless, generate_instance_uid=False)
    return _written(dataset)


def _written(dataset: Dataset) -> bytes:
    """As a file; sequences without lengths, so that what is in them may grow and shrink."""
    for element in _sequences(dataset):
        element.is_undefined_length = True
        for item in element.value:
            item.is_undefined_length_sequence_item = True
    stream = io.BytesIO()
    dataset.save_as(stream, enforce_file_format=True)
    return stream.getvalue()


def _sequences(dataset: Dataset) -> Iterator[pydicom.DataElement]:
    for element in dataset:
        if element.VR == "SQ":
            yield element
            for item in element.value:
                yield from _sequences(item)


def _by_gdcm(content: bytes, syntax: str) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.dcm"
        path.write_bytes(content)
        reader, change, writer = gdcm.ImageReader(), gdcm.ImageChangeTransferSyntax(), gdcm.ImageWriter()
        reader.SetFileName(str(path))
        change.SetTransferSyntax(gdcm.TransferSyntax(getattr(gdcm.TransferSyntax, syntax)))
        if not reader.Read():
            raise RuntimeError("gdcm cannot read a seed")
        change.SetInput(reader.GetImage())
        if not change.Change():
            raise RuntimeError("gdcm cannot compress a seed")
        writer.SetFile(reader.GetFile())
        writer.SetImage(change.GetOutput())
        writer.SetFileName(str(path))
        if not writer.Write():
            raise RuntimeError("gdcm cannot write a seed")
        return _written(pydicom.dcmread(path))


def _multiframe(files: list[bytes]) -> bytes:
    made = [pydicom.dcmread(io.BytesIO(content)) for content in files]
    dataset, shared, turn, measures = made[0], Dataset(), Dataset(), Dataset()
    dataset.SOPClassUID = dataset.file_meta.MediaStorageSOPClassUID = pydicom.uid.EnhancedCTImageStorage
    dataset.NumberOfFrames = len(made)
    turn.ImageOrientationPatient = dataset.ImageOrientationPatient
    measures.PixelSpacing, measures.SliceThickness = dataset.PixelSpacing, dataset.SliceThickness
    shared.PlaneOrientationSequence, shared.PixelMeasuresSequence = [turn], [measures]
    dataset.SharedFunctionalGroupsSequence = [shared]
    dataset.PixelData = b"".join(one.PixelData for one in made)
    dataset.PerFrameFunctionalGroupsSequence = [_frame(one, place) for place, one in enumerate(made)]
    for keyword in ("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing", "SliceThickness",
                    "RescaleSlope", "RescaleIntercept"):  # fmt: skip
        delattr(dataset, keyword)
    return _written(dataset)


def _frame(one: Dataset, place: int) -> Dataset:
    frame, position, values, content, kind = (Dataset() for _ in range(5))
    position.ImagePositionPatient = one.ImagePositionPatient
    values.RescaleSlope, values.RescaleIntercept, values.RescaleType = 1, 0, "HU"
    content.StackID, content.FrameAcquisitionNumber, content.TemporalPositionIndex = "1", 1, place + 1
    kind.FrameType = ["ORIGINAL", "PRIMARY", "VOLUME", "NONE"]
    frame.PlanePositionSequence, frame.PixelValueTransformationSequence = [position], [values]
    frame.FrameContentSequence, frame.CTImageFrameTypeSequence = [content], [kind]
    return frame


def _disc() -> dict[str, bytes]:
    """The files of a disc by their names."""
    images = {f"IMAGES/IM{number}": content for number, content in enumerate(slices())}
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = MediaStorageDirectoryStorage
    meta.MediaStorageSOPInstanceUID, meta.TransferSyntaxUID = "1.2.3.9", ExplicitVRLittleEndian
    directory = FileDataset(io.BytesIO(), {}, file_meta=meta, preamble=b"\0" * 128)
    directory.FileSetID = "DISC"
    directory.DirectoryRecordSequence = [_record("PATIENT"), *(_record("IMAGE", name) for name in images)]
    return {"DICOMDIR": _written(directory), **images}


def _record(kind: str, name: str = "") -> Dataset:
    record = Dataset()
    record.OffsetOfTheNextDirectoryRecord, record.RecordInUseFlag = 0, 0xFFFF
    record.DirectoryRecordType = kind
    if name:
        record.ReferencedFileID = name.split("/")
        record.ReferencedTransferSyntaxUIDInFile = ExplicitVRLittleEndian
    return record


_DISC = _disc()
_DECODER = Decoder()
