"""A program of its own for the test of hostile headers: its memory is bounded, and so is what it may take.

Prints as JSON, by the name of each case, the kind of error and the megabytes by which the process grew.
"""

import gzip
import io
import json
import os
import resource
import sys
import zipfile
import zlib
from pathlib import Path

import nibabel as nib
import pydicom

sys.path.insert(0, str(Path(__file__).parents[1] / "fuzz"))

from dicom_slices import slices
from every_reader import READERS
from spondyl.errors import SpondylError
from spondyl.io import read_image

SPARE_MB = 200
"""What reading may take on top of the program."""

SIDE = 1280
"""Voxels along each axis of what the headers announce: 4.2 GB of int16, fewer than any limit."""


def nifti(kind: str) -> bytes:
    header = nib.Nifti1Header()
    header.set_data_dtype(kind)
    header.set_data_shape((SIDE, SIDE, SIDE))
    header["sform_code"], header["pixdim"][1:4] = 1, 1
    header["srow_x"][0], header["srow_y"][1], header["srow_z"][2] = 1, 1, 1
    header["vox_offset"] = 352
    header["magic"] = b"n+1"
    return header.binaryblock + bytes(4)


def mha(packed: bool) -> bytes:
    return (
        f"NDims = 3\nDimSize = {SIDE} {SIDE} {SIDE}\nElementType = MET_SHORT\n"
        f"CompressedData = {packed}\nElementDataFile = LOCAL\n"
    ).encode()


def nrrd(encoding: str) -> bytes:
    return (
        f"NRRD0004\ntype: short\ndimension: 3\nsizes: {SIDE} {SIDE} {SIDE}\n"
        f"endian: little\nencoding: {encoding}\n\n"
    ).encode()


def sparse(path: Path, start: bytes) -> Path:
    """A file as long as its header says, of which the disk holds only the start."""
    path.write_bytes(start)
    os.truncate(path, len(start) + 2 * SIDE**3)
    return path


def padded(path: Path, start: bytes) -> Path:
    """A compressed file just large enough for what it announces to be possible."""
    path.write_bytes(start + os.urandom(1 << 20) * 5)
    return path


def large_slices(folder: Path) -> Path:
    """A series of 16 slices of 8192 x 8192 pixels, 2 GB, with the pixels of 8 x 8."""
    folder.mkdir()
    first = pydicom.dcmread(io.BytesIO(slices()[0]))
    first.Rows = first.Columns = 8192
    for number in range(16):
        first.SOPInstanceUID = first.file_meta.MediaStorageSOPInstanceUID = f"1.2.3.4.{number + 1}"
        first.InstanceNumber, first.ImagePositionPatient = number + 1, [-4, -4, 3 * number]
        first.save_as(folder / f"{number}.dcm")
    return folder


def zip_bomb(path: Path) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("a.dcm", "w") as member:
        member.write(slices()[0])
        for _ in range(400):
            member.write(bytes(1 << 20))
    return path


def deflated_bomb(folder: Path) -> Path:
    """A series whose deflated files unpack to 900 MB behind their pixels."""
    folder.mkdir()
    for number, content in enumerate(slices()):
        ds = pydicom.dcmread(io.BytesIO(content))
        ds.file_meta.TransferSyntaxUID = pydicom.uid.DeflatedExplicitVRLittleEndian
        ds.save_as(folder / f"{number}.dcm")
    for file in folder.iterdir():
        whole = file.read_bytes()
        start = 144 + int.from_bytes(whole[140:144], "little")
        packer, many = zlib.compressobj(wbits=-zlib.MAX_WBITS), 900
        with file.open("wb") as stream:
            stream.write(whole[:start])
            stream.write(packer.compress(zlib.decompress(whole[start:], wbits=-zlib.MAX_WBITS)))
            stream.write(packer.compress(b"\xfc\xff\xfc\xffOB\0\0" + (many << 20).to_bytes(4, "little")))
            for _ in range(many):
                stream.write(packer.compress(bytes(1 << 20)))
            stream.write(packer.flush())
    return folder


def cases(folder: Path):
    """Name to the action that must fail early."""
    head = nifti("<i2")
    text = {
        "lml": b"id\tname\n" + b"9" * (20 << 20),
        "csv": b"name,x_mm\n" + b"9" * (20 << 20),
        "verse": b"[" * (15 << 20),
        "markups": b'{"a":' * (3 << 20),
        "result": b"[" + b"9" * (15 << 20) + b"]",
        "recipe": b"a: &a [x, x]\n"
        + b"".join(b"%c: &%c [*%c, *%c]\n" % (c + 1, c + 1, c, c) for c in range(97, 121)),
        "model": b'{"stages": ' + b"[" * (15 << 20),
    }
    yield "nifti, sparse", lambda: read_image(sparse(folder / "a.nii", head))
    yield "nifti, floats", lambda: read_image(sparse(folder / "f.nii", nifti("<u1")))
    yield "nifti_gz", lambda: read_image(padded(folder / "a.nii.gz", gzip.compress(head)))
    yield "mha, sparse", lambda: read_image(sparse(folder / "a.mha", mha(packed=False)))
    yield "mha, packed", lambda: read_image(padded(folder / "b.mha", mha(packed=True) + zlib.compress(b"ab")))
    yield "nrrd, sparse", lambda: read_image(sparse(folder / "a.nrrd", nrrd("raw")))
    yield "nrrd, packed", lambda: read_image(padded(folder / "b.nrrd", nrrd("gzip") + gzip.compress(b"ab")))
    yield "dicom", lambda: read_image(large_slices(folder / "large"))
    yield "dicom, deflated", lambda: read_image(deflated_bomb(folder / "bombs"))
    yield "zip", lambda: read_image(zip_bomb(folder / "a.zip"))
    for name, content in text.items():
        yield name, lambda name=name, content=content: READERS[name].run(content, folder)


def main(folder: Path) -> None:
    for name, reader in READERS.items():  # what is imported on first use counts for nothing
        if name != "model":
            reader.run(reader.seeds()[0], folder)
    stat = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    limit = (int(stat["VmSize"].split()[0]) << 10) + (SPARE_MB << 20)
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    found = {}
    for name, action in cases(folder):
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        try:
            action()
            kind = "none"
        except SpondylError as error:
            kind = type(error).__name__
        except BaseException as error:
            kind = f"not ours: {error!r}"[:200]
        grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
        found[name] = [kind, grown / 1024]
    sys.stdout.write(json.dumps(found) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
