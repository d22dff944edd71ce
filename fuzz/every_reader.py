"""Every reader of foreign files, with a way to make small good files to start from.

Used by the property tests (``tests/test_hostile_files.py``) and by the fuzzer (``fuzz/run.py``).
"""

import gzip
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from spondyl.io import read_centroids, read_image, read_mask, write_centroids, write_image
from spondyl.models import default_model_folder, read_model
from spondyl.recipes import load_recipe
from spondyl.result import Result, read_result
from spondyl.spine import Spine
from spondyl.volume import Grid, Volume

__all__ = ["READERS", "Reader"]

GRID = Grid.from_spacing((6, 5, 7), (0.8, 0.9, 2.0), "LPS")
CT = Volume(np.random.default_rng(0).integers(-1000, 1500, GRID.shape).astype(np.int16), GRID)
SPINE = Spine.from_centroids({19: (-1, -2, 9), 20: (-2, -2, 5), 28: (-2, -1, 2)})


@dataclass(frozen=True)
class Reader:
    """One reader.

    Attributes:
        name: Of the file that it is given; its suffix chooses the format.
        read: Reads that file; only a SpondylError may leave it.
        seeds: Makes good files.
        pack: Compresses the content before it is written, so that what is changed is what lies inside.
    """

    name: str
    read: Callable[[Path], object]
    seeds: Callable[[], list[bytes]]
    pack: Callable[[bytes], bytes] = bytes

    def run(self, content: bytes, folder: Path) -> object:
        """Read some content, put into a file of ``folder``."""
        path = folder / self.name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(self.pack(content))
        return self.read(path)


def _images(suffix: str) -> Callable[[], list[bytes]]:
    """A CT written by Spondyl, its float twin, and for NIfTI a big-endian one with a qform only."""

    def make() -> list[bytes]:
        with TemporaryDirectory() as folder:
            path = Path(folder) / f"a{suffix}"
            found = []
            for data in (CT.data, CT.data.astype(np.float32)):
                write_image(Volume(data, GRID), path)
                found.append(path.read_bytes())
        return found + (_strange_niftis() if suffix == ".nii" else [])

    return make


def _strange_niftis() -> list[bytes]:
    import nibabel as nib

    turned = nib.Nifti1Image(CT.data, None, nib.Nifti1Header(endianness=">"))
    turned.set_qform(GRID.affine, 1)
    scaled = nib.Nifti1Image(CT.data.astype(np.uint16), GRID.affine)
    scaled.header.set_slope_inter(1, -1024)
    return [turned.to_bytes(), scaled.to_bytes(), nib.Nifti2Image(CT.data, GRID.affine).to_bytes()]


def _masks() -> list[bytes]:
    import nibabel as nib

    labels = np.zeros(GRID.shape, np.uint8)
    labels[1:3], labels[3:5] = 20, 28
    return [nib.Nifti1Image(labels.astype(kind), GRID.affine).to_bytes() for kind in ("u1", "f4")]


def _centroids(name: str) -> Callable[[], list[bytes]]:
    def make() -> list[bytes]:
        with TemporaryDirectory() as folder:
            path = Path(folder) / name
            write_centroids(SPINE, path, GRID)
            return [path.read_bytes()]

    return make


def _results() -> list[bytes]:
    result = Result.of(SPINE, GRID, file="a.nii.gz", path="../a.nii.gz", files={"mask": "mask.nii.gz"})
    return [result.model_dump_json().encode()]


def _models() -> list[bytes]:
    return [(default_model_folder() / "model.json").read_bytes()]


def _recipes() -> list[bytes]:
    content = {"name": "spondyl", "training": {"iterations": 3}, "hu_windows": [[-1000, 400]]}
    return [json.dumps(content).encode(), b"name: spinefinder\nseed: 3\ndetection: {training: {epochs: 2}}\n"]


def _gzip(content: bytes) -> bytes:
    return gzip.compress(content, 1)


def _dicom(kind: str) -> Callable[[], list[bytes]]:
    """Seeds of a kind of DICOM file, a function of ``dicom_kinds``; made when they are needed."""

    def make() -> list[bytes]:
        import dicom_kinds

        return getattr(dicom_kinds, kind)()

    return make


def _dicom_slice() -> list[bytes]:
    from dicom_slices import slices

    return slices()[:1]


def _deflate(content: bytes) -> bytes:
    from dicom_kinds import deflate

    return deflate(content)


def _read_dicom(path: Path, side: int = 8) -> object:
    from dicom_slices import read_with_others

    return read_with_others(path, side)


def _read_series(path: Path) -> object:
    from spondyl.dicom import read_series

    return read_series(path).volume


def _decode(path: Path) -> object:
    from dicom_kinds import decode

    return decode(path)


def _read_disc(path: Path) -> object:
    from dicom_kinds import read_disc

    return read_disc(path)


def _read_result(path: Path) -> object:
    return read_result(path).names, Result.read(path).grid


READERS = {
    "nifti": Reader("a.nii", read_image, _images(".nii")),
    "nifti_gz": Reader("a.nii.gz", read_image, _images(".nii"), _gzip),
    "gzip": Reader("a.nii.gz", read_image, _images(".nii.gz")),
    "mask": Reader("a.nii", lambda path: read_mask(path, GRID), _masks),
    "mha": Reader("a.mha", read_image, _images(".mha")),
    "nrrd": Reader("a.nrrd", read_image, _images(".nrrd")),
    "lml": Reader("a.lml", lambda path: read_centroids(path, GRID), _centroids("a.lml")),
    "verse": Reader("a.json", lambda path: read_centroids(path, GRID), _centroids("a.json")),
    "markups": Reader("a.mrk.json", read_centroids, _centroids("a.mrk.json")),
    "csv": Reader("a.csv", read_centroids, _centroids("a.csv")),
    "result": Reader("result.json", _read_result, _results),
    "model": Reader("model/model.json", lambda path: read_model(path.parent), _models),
    "dicom": Reader("series/0.dcm", _read_dicom, _dicom_slice),
    "compressed": Reader("packed/0.dcm", lambda path: _read_dicom(path, 16), _dicom("compressed")),
    "codestream": Reader("codestream.bin", _decode, _dicom("codestreams")),
    "deflated": Reader("deflated/0.dcm", _read_dicom, _dicom_slice, _deflate),
    "enhanced": Reader("enhanced/0.dcm", _read_series, _dicom("enhanced")),
    "zip": Reader("archive/a.zip", _read_series, _dicom("zips")),
    "dicomdir": Reader("disc/DICOMDIR", _read_disc, _dicom("dicomdirs")),
    "recipe": Reader("a.yaml", load_recipe, _recipes),
}
"""Name to reader."""
