"""What is to be predicted: scans found in files and folders, under names of their own.

Whoever reads something else than one image file (a DICOM series, an object in a store) derives from
:class:`Scan` and lets :func:`find_scans` give it out; nothing behind it needs to know.
"""

import hashlib
import logging
import os
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

from spondyl.datasets.files import distinct
from spondyl.errors import DatasetError, ImageError, InputError, MissingDependencyError, SpondylError
from spondyl.volume import Volume

__all__ = ["Failure", "Scan", "find_scans", "is_url", "share"]

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Scan:
    """A scan to be read. Small, and can be sent to other processes.

    Attributes:
        name: Of its folder of results; unique among the scans found together.
        path: The image.
    """

    name: str
    path: Path

    @property
    def place(self) -> str:
        """Where it is, for people, and for telling two scans apart."""
        return str(self.path)

    @property
    def files(self) -> tuple[Path, ...]:
        """Everything that is read; its content decides whether a scan has changed."""
        from spondyl.io.described import parts_of

        return parts_of(self.path)

    @property
    def passed_over(self) -> tuple[str, ...]:
        """What lies beside the scan and is not read, each with the reason: other DICOM series."""
        return ()

    @property
    def series_uid(self) -> str | None:
        """Series Instance UID of a DICOM series."""
        return None

    @contextmanager
    def at_hand(self) -> Iterator["Scan"]:
        """The scan as files of this machine; those of another are fetched, and gone after the block."""
        yield self

    def read(self) -> Volume:
        """The scan in HU.

        Raises:
            ImageError: it cannot be read.
        """
        from spondyl.io import read_image

        return read_image(self.path)

    def sha256(self) -> str:
        """Hash of the content: for one file that of ``sha256sum``, for several that of their hashes.

        Raises:
            ImageError: a file cannot be read.
        """
        hashes = [_sha256(path) for path in self.files]
        return hashes[0] if len(hashes) == 1 else hashlib.sha256("".join(hashes).encode()).hexdigest()

    def stamp(self) -> str | None:
        """Sizes and times of change; while they stay, the content is taken to stay. ``None``: unknown."""
        try:
            states = [path.stat() for path in self.files]
        except OSError:
            return None
        return " ".join(f"{state.st_size}:{state.st_mtime_ns}" for state in states)

    def absolute(self) -> Self:
        """The same scan, for a process in another folder."""
        return replace(self, path=self.path.absolute())

    def called(self, name: str) -> Self:
        """The same scan under another name."""
        return replace(self, name=name)


@dataclass(frozen=True)
class Failure:
    """Something that could not be used.

    Attributes:
        path: The scan, or the folder that holds none.
        message: Why, and what to do.
    """

    path: Path
    message: str


def find_scans(inputs: Iterable[Path | str], series: str | None = None) -> tuple[list[Scan], list[Failure]]:
    """All scans in files and folders, in the order given; a scan named twice is taken once.

    Scans of the same name are told apart by the names of their folders: ``a/ct.nii.gz`` and
    ``b/ct.nii.gz`` become ``a_ct`` and ``b_ct``; ``ct.nrrd`` beside ``ct.nii.gz`` becomes ``ct-2``.

    Args:
        inputs: Image files, and folders that are searched with their sub-folders; of DICOM also zip
            archives and DICOMDIR. Of each DICOM study one series is taken. URLs of files and folders, see
            :mod:`spondyl.batch.remote`.
        series: Which series of DICOM studies, see :func:`spondyl.dicom.choose_series`.

    Returns:
        The scans, and the inputs in which none was found.
    """
    found: dict[str, Scan] = {}
    failures = []
    for given in inputs:
        try:
            scans = _look_into(given, series)
        except SpondylError as error:
            failures.append(Failure(Path(given), str(error)))
            continue
        for scan in scans:
            place = scan.place
            found.setdefault(place if is_url(place) else os.path.realpath(place), scan)
    return _told_apart(list(found.values())), failures


def share(scans: Iterable[Scan], part: str) -> list[Scan]:
    """The part of the scans that one of several independent runs takes.

    It depends on the names alone, so runs that see the same scans need not know of each other.

    Args:
        scans: All scans.
        part: ``"K/N"``: the K-th of N parts, counted from 0.

    Raises:
        InputError: that is no part.
    """
    number, _, count = part.partition("/")
    if not (number.isdecimal() and count.isdecimal() and int(number) < int(count)):
        raise InputError(f"--shard {part}: expected K/N with K from 0 to N - 1, e.g. 0/100")
    return [scan for scan in scans if zlib.crc32(scan.name.encode()) % int(count) == int(number)]


def is_url(place: Path | str) -> bool:
    """Whether a place is in a store and not in a folder: ``s3://bucket/scans``."""
    return "://" in str(place)


def _look_into(given: Path | str, series: str | None) -> Sequence[Scan]:
    """The scans that one argument of the user means; a file that is no DICOM is believed to be one."""
    if is_url(given):
        from spondyl.batch.remote import find_remote_scans

        return find_remote_scans(str(given))
    path = Path(given)
    if os.path.isdir(path):  # noqa: PTH112 - Path.is_dir raises where the parent cannot be looked into
        return _look_into_folder(path, series)
    from spondyl.dicom import is_dicom

    if _stem(path) != path.name or not is_dicom(path):
        return [Scan(_stem(path), path)]
    from spondyl.batch.dicom_scans import find_dicom_scans

    return find_dicom_scans(path, series)


def _look_into_folder(folder: Path, series: str | None) -> Sequence[Scan]:
    """The DICOM series of a folder, then its images; each may be missing, not both."""
    from spondyl.datasets import find_cases
    from spondyl.dicom import is_dicom

    images: list[Scan] = []
    without: DatasetError | None = None
    try:
        images = [Scan(case.name, case.image) for case in find_cases(folder, annotated=False)]
    except DatasetError as error:
        without = error
    if not is_dicom(folder):
        if without is not None:
            raise without
        return images
    from spondyl.batch.dicom_scans import find_dicom_scans

    try:
        return [*find_dicom_scans(folder, series), *images]
    except (ImageError, MissingDependencyError) as error:
        if not images:
            raise
        logger.warning("%s; left out, the images beside it are read", error)
        return images


def _sha256(path: Path) -> str:
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise ImageError(f"{path}: cannot be read: {error.strerror or error}") from error


def _stem(path: Path) -> str:
    """The file's name without the suffixes that say its format."""
    name = path.name.removesuffix(".gz")
    for suffix in (".nii", ".mha", ".mhd", ".nrrd", ".nhdr"):
        name = name.removesuffix(suffix)
    return name or path.name


def _told_apart(scans: Sequence[Scan]) -> list[Scan]:
    """The same scans with unique names, whatever the file system thinks of upper and lower case."""
    # Files of one folder first: its name would not tell them apart.
    in_folders = distinct(str(scan.path.resolve().parent / scan.name) for scan in scans)
    names = [Path(place).name for place in in_folders]
    folders = [list(scan.path.resolve().parent.parts[1:]) for scan in scans]
    while clashing := _clashes(names):
        for place in clashing:
            parent = folders[place].pop() if folders[place] else str(place + 1)
            names[place] = f"{parent}_{names[place]}"
    return [scan.called(name) for scan, name in zip(scans, names, strict=True)]


def _clashes(names: Sequence[str]) -> list[int]:
    """Places of the names that occur more than once."""
    count = Counter(name.casefold() for name in names)
    return [place for place, name in enumerate(names) if count[name.casefold()] > 1]
