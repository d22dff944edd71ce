"""Public data sets into ``training_dataset`` and ``testing_dataset``.

Each part is fetched into ``downloads/``, unpacked beside its place and then renamed, so a folder
with a part's name is always complete. It holds ``.spondyl-source.json``: where it came from.
"""

import csv
import io
import json
import re
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Final

from spondyl.datasets.fetch import Progress, fetch
from spondyl.datasets.registry import SOURCES, HuggingFace, Part, Source, Zenodo
from spondyl.datasets.services import RemoteFile, list_repository, newest_archive
from spondyl.datasets.unpack import Route, read_member, unpack
from spondyl.errors import DownloadError, OutputError

__all__ = ["download"]

_NOTE: Final = ".spondyl-source.json"
_USED_BY_SPONDYL: Final = re.compile(r"^(ct|vertebrae_[A-Z]\d+)\.nii\.gz$")


def download(
    dataset: str | Source,
    folder: Path | str = ".",
    *,
    parts: Sequence[str] = (),
    archives: Path | str | None = None,
    keep: bool = False,
    progress: Progress | None = None,
) -> list[Path]:
    """Fetch a data set and unpack it; what is there already is not touched.

    Args:
        dataset: ``"biomedia"``, ``"verse"``, ``"totalsegmentator"``, ``"ctspine1k"``, or a
            description of another one.
        folder: ``training_dataset/`` and ``testing_dataset/`` are made in here.
        parts: Names of the parts wanted; none = the usual ones.
        archives: Folder with zip archives fetched by hand; ``folder`` and its ``downloads/`` are
            always searched.
        keep: Keep the archives after unpacking. Those fetched by hand are never deleted.
        progress: Called as bytes arrive and are unpacked.

    Returns:
        The folders of the parts.

    Raises:
        DownloadError: unknown data set or part, unreachable, wants a browser, damaged. The message
            says which page to open and where to put the files; what came so far is kept.
        OutputError: the disk is full or the folder cannot be written.
    """
    source = _source(dataset)
    job = _Job(source, Path(folder), Path(archives) if archives else None, keep, progress)
    missing = [part for part in _chosen(source, parts) if not job.install(part)]
    if missing:
        raise DownloadError(
            f"{source.name} can only be fetched with a browser: open {source.page}, download "
            f"{', '.join(part.archive for part in missing)} into {job.downloads} and run this command again "
            "(or name another folder with --from)"
        )
    return [job.folder / part.folder for part in _chosen(source, parts)]


def _source(dataset: str | Source) -> Source:
    if isinstance(dataset, Source):
        return dataset
    if dataset not in SOURCES:
        raise DownloadError(f"no data set named {dataset!r}; there are {', '.join(SOURCES)}")
    return SOURCES[dataset]


def _chosen(source: Source, names: Sequence[str]) -> list[Part]:
    known = {part.name: part for part in source.parts}
    unknown = [name for name in names if name not in known]
    if unknown:
        raise DownloadError(f"{source.name} has no part {', '.join(unknown)}; there are {', '.join(known)}")
    return [known[name] for name in names or source.default or known]


class _Job:
    """What is the same for all parts of one download."""

    def __init__(
        self, source: Source, folder: Path, archives: Path | None, keep: bool, progress: Progress | None
    ) -> None:
        self.source = source
        self.folder = folder
        self.downloads = folder / "downloads"
        self.archives = archives
        self.keep = keep
        self.progress = progress
        if archives is not None and not archives.is_dir():
            raise DownloadError(f"{archives}: expected a folder with zip archives, found none")

    def install(self, part: Part) -> bool:
        """Put a part into its place; ``False`` if its archive must be fetched with a browser."""
        goal = self.folder / part.folder
        if (goal / _NOTE).exists():
            return True
        if goal.exists() and any(goal.iterdir()):
            raise DownloadError(
                f"{goal}: this folder is there already, but not from an earlier download; move it away or "
                "name another folder to download into"
            )
        if isinstance(self.source.service, HuggingFace):
            self._mirror(part, self.source.service)
            return True
        if archive := self._by_hand(part.archive):
            self._unpack(part, archive, archive.name)
            return True
        remote = self._remote(part)
        if remote:
            self._fetch_and_unpack(part, remote)
        return remote is not None

    def _remote(self, part: Part) -> RemoteFile | None:
        """Where to fetch the part's archive, asking the service if need be."""
        if isinstance(self.source.service, Zenodo):
            return newest_archive(self.source.service, self.source.page)
        return RemoteFile(part.archive, part.url, part.checksum) if part.url else None

    def _by_hand(self, name: str) -> Path | None:
        """An archive (or the folder a browser made of it) that the user fetched."""
        stem = re.escape(name.removesuffix(".zip")).replace(r"\*", ".*")
        pattern = re.compile(rf"^{stem}( ?\(\d+\))?(\.zip)?$", re.IGNORECASE)
        for place in (self.archives, self.folder, self.downloads):
            if place is None or not place.is_dir():
                continue
            for path in sorted(place.iterdir()):
                if pattern.match(path.name) and (path.is_dir() or path.suffix.lower() == ".zip"):
                    return path
        return None

    def _fetch_and_unpack(self, part: Part, remote: RemoteFile) -> None:
        archive = fetch(
            remote.url,
            self.downloads / remote.path,
            checksum=remote.checksum,
            page=self.source.page,
            progress=self.progress,
        )
        self._unpack(part, archive, remote.url)
        if not self.keep:
            archive.unlink()
            if not any(self.downloads.iterdir()):
                self.downloads.rmdir()

    def _unpack(self, part: Part, archive: Path, origin: str) -> None:
        goal = self.folder / part.folder
        with _staging(self.folder) as stage:
            if archive.is_dir():
                shutil.copytree(archive, stage / part.folder)
            elif isinstance(self.source.service, Zenodo):
                unpack(archive, stage, _official_split(archive, part.name), self.progress)
            else:
                unpack(archive, stage / part.folder, None, self.progress)
            # Training last: it is what tells the next run that all is done.
            for made in sorted(stage.glob("*/*"), key=lambda path: path == stage / part.folder):
                place = self.folder / made.relative_to(stage)
                if place != goal and (place / _NOTE).exists():
                    shutil.rmtree(place)  # left by a run that was killed in this very loop
                self._note(made, origin)
                _move(made, place)

    def _mirror(self, part: Part, service: HuggingFace) -> None:
        """Fetch a part file by file; each is complete or absent, so the next run goes on."""
        goal = self.downloads / part.name
        for remote in list_repository(service, part.name, self.source.page):
            fetch(
                remote.url,
                goal / remote.path,
                checksum=remote.checksum,
                page=self.source.page,
                progress=self.progress,
            )
        self._note(goal, f"{service.host}/datasets/{service.repository}")
        _move(goal, self.folder / part.folder)

    def _note(self, folder: Path, origin: str) -> None:
        note = {
            "dataset": self.source.name,
            "from": origin,
            "licence": self.source.licence,
            "page": self.source.page,
        }
        (folder / _NOTE).write_text(json.dumps(note, indent=2) + "\n", encoding="utf-8")


@contextmanager
def _staging(folder: Path) -> Iterator[Path]:
    """A temporary folder on the same disk, gone afterwards."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        stage = Path(tempfile.mkdtemp(prefix=".unpacking-", dir=folder))
    except OSError as error:
        raise OutputError(f"{folder}: cannot be written: {error.strerror or error}") from error
    try:
        yield stage
    except OSError as error:
        raise OutputError(f"{folder}: cannot be written: {error.strerror or error}") from error
    finally:
        shutil.rmtree(stage, ignore_errors=True)


def _move(made: Path, place: Path) -> None:
    """Rename a complete folder to its place, where at most an empty folder is in the way."""
    place.parent.mkdir(parents=True, exist_ok=True)
    if place.exists():
        place.rmdir()
    made.replace(place)


def _official_split(archive: Path, name: str) -> Route:
    """TotalSegmentator's own split: cases marked ``test`` in ``meta.csv`` go to the testing set.

    Of the 117 structures only the vertebrae are unpacked.
    """
    table = (read_member(archive, "meta.csv") or b"").decode("utf-8-sig", errors="replace")
    rows = csv.DictReader(io.StringIO(table), delimiter=";")
    held_out = {row.get("image_id", "") for row in rows if (row.get("split") or "").strip() == "test"}

    def route(path: PurePosixPath) -> PurePosixPath | None:
        if path.name == "meta.csv":
            return PurePosixPath("training_dataset", name, "meta.csv")
        if not _USED_BY_SPONDYL.match(path.name):
            return None
        role = "testing_dataset" if path.parts[0] in held_out else "training_dataset"
        return PurePosixPath(role, name, path)

    return route
