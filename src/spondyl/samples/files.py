"""Samples on disk: ``NAME-i-sample.npy`` beside ``NAME-i-labelling.npy``."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from spondyl.errors import SampleError
from spondyl.io.atomic import atomic_path, refused, write_text

__all__ = ["SamplePair", "find_samples", "read_array", "remove_samples", "unfinished", "write_sample"]

_SAMPLE: Final = "-sample.npy"
_LABELLING: Final = "-labelling.npy"
_UNFINISHED: Final = ".unfinished"


@dataclass(frozen=True)
class SamplePair:
    """One sample and its labels, as files.

    Attributes:
        name: ``NAME-i``.
        sample: Intensities.
        labelling: Labels.
    """

    name: str
    sample: Path
    labelling: Path

    @property
    def scan(self) -> str:
        """Name of the scan it was cut from."""
        return self.name.rpartition("-")[0]


def write_sample(
    folder: Path, name: str, sample: npt.NDArray[Any], labelling: npt.NDArray[np.uint8]
) -> SamplePair:
    """Write a pair of files, each complete or not at all.

    Args:
        folder: Where; made when missing.
        name: ``NAME-i``.
        sample: Normalised intensities, float32 or float16.
        labelling: Labels, uint8.

    Raises:
        OutputError: they cannot be written.
    """
    pair = _pair(folder, name)
    for path, array in ((pair.sample, sample), (pair.labelling, labelling)):
        with atomic_path(path) as temporary, temporary.open("wb") as stream:
            np.save(stream, np.ascontiguousarray(array), allow_pickle=False)
    return pair


@contextmanager
def unfinished(folder: Path) -> Iterator[None]:
    """A block that fills a folder with samples; :func:`find_samples` refuses the folder until one ends well.

    Raises:
        OutputError: the folder cannot be made or written.
    """
    mark = folder / _UNFINISHED
    write_text(mark, "")
    yield
    mark.unlink(missing_ok=True)


def remove_samples(folder: Path, scan: str, first: int) -> None:
    """Remove the samples of a scan from a number on, which an earlier run with other settings left.

    Raises:
        OutputError: they cannot be removed.
    """
    for number in count(first):
        pair = _pair(folder, f"{scan}-{number}")
        left = [path for path in (pair.sample, pair.labelling) if path.exists()]
        if not left:
            return
        for path in left:
            try:
                path.unlink()
            except OSError as error:
                raise refused(path, error) from error


def find_samples(
    folder: Path | str, sample_shape: Sequence[int], labelling_shape: Sequence[int]
) -> list[SamplePair]:
    """All samples of a folder, each checked to be complete and of the right shape.

    Args:
        folder: As ``spondyl samples`` wrote it; sub-folders are not searched.
        sample_shape: Shape every sample must have.
        labelling_shape: Shape every labelling must have.

    Returns:
        Sorted by scan, then by number; never empty.

    Raises:
        SampleError: no samples, or not all of them yet, half of a pair missing, a damaged file, or another
            shape.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise SampleError(f"{folder}: no such folder of samples; make it with `spondyl samples`")
    if (folder / _UNFINISHED).exists():
        raise SampleError(
            f"{folder}: the samples are not complete, `spondyl samples` is at work there or was interrupted;"
            " let it finish, or give the same command again"
        )
    names = {p.name.removesuffix(_SAMPLE) for p in folder.glob(f"*{_SAMPLE}")}
    labelled = {p.name.removesuffix(_LABELLING) for p in folder.glob(f"*{_LABELLING}")}
    if not names | labelled:
        raise SampleError(
            f"{folder}: no samples (NAME-1{_SAMPLE} ...); make them with `spondyl samples`,"
            " or train on scans with --recipe spondyl"
        )
    for name in sorted(names ^ labelled):
        missing = _LABELLING if name in names else _SAMPLE
        raise SampleError(
            f"{folder / (name + missing)}: missing, its other half is there; make the samples again"
        )
    pairs = [_pair(folder, name) for name in sorted(names, key=_by_scan_and_number)]
    for pair in pairs:
        _check(read_array(pair.sample), pair.sample, sample_shape, ("float32", "float16"))
        _check(read_array(pair.labelling), pair.labelling, labelling_shape, ("uint8",))
    return pairs


def read_array(path: Path) -> npt.NDArray[Any]:
    """Memory-map one ``.npy`` file.

    Raises:
        SampleError: it is damaged, truncated or no plain array.
    """
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise SampleError(f"{path}: damaged ({error}); make the samples again") from error
    if not isinstance(array, np.ndarray):
        array.close()
        raise SampleError(f"{path}: not a plain .npy array; make the samples again")
    return array


def _pair(folder: Path, name: str) -> SamplePair:
    return SamplePair(name, folder / f"{name}{_SAMPLE}", folder / f"{name}{_LABELLING}")


def _check(array: npt.NDArray[Any], path: Path, shape: Sequence[int], dtypes: Sequence[str]) -> None:
    if array.shape != tuple(shape) or array.dtype.name not in dtypes:
        raise SampleError(
            f"{path}: {' or '.join(dtypes)} of shape {tuple(shape)} expected, found "
            f"{array.dtype.name} of shape {array.shape}; samples of another stage or recipe?"
        )


def _by_scan_and_number(name: str) -> tuple[str, int, str]:
    scan, _, number = name.rpartition("-")
    return scan, int(number) if number.isdecimal() else 0, name
