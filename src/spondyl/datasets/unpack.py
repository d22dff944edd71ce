"""Zip archives, unpacked without trusting them."""

import shutil
import stat
import zipfile
import zlib
from collections.abc import Callable, Iterable
from pathlib import Path, PurePosixPath

from spondyl.datasets.fetch import Progress
from spondyl.datasets.space import check_space
from spondyl.errors import DownloadError, OutputError

__all__ = ["Route", "read_member", "unpack"]

Route = Callable[[PurePosixPath], PurePosixPath | None]
"""From a path inside the archive to one below the target, or ``None`` to leave it out."""


def unpack(archive: Path, target: Path, route: Route | None = None, progress: Progress | None = None) -> int:
    """Unpack a zip archive into a new or empty folder.

    A folder that holds everything in the archive is dropped, since makers of archives differ in
    whether they add one; so is what macOS puts into archives.

    Args:
        archive: The zip.
        target: Folder to fill.
        route: Where each member goes (after dropping the common folder); default: where it lies.
        progress: Called with the bytes unpacked.

    Returns:
        Number of files written.

    Raises:
        DownloadError: no zip, damaged, encrypted, or a member that would land outside ``target``.
        OutputError: not enough space, or the folder cannot be written.
    """
    try:
        with zipfile.ZipFile(archive) as bundle:
            members = _routed(bundle, archive, route)
            total = sum(info.file_size for info, _ in members)
            check_space(target, total)
            done = 0
            for info, inside in members:
                goal = target / inside
                goal.parent.mkdir(parents=True, exist_ok=True)
                with bundle.open(info) as source, goal.open("xb") as sink:
                    shutil.copyfileobj(source, sink, 1 << 20)
                done += info.file_size
                if progress:
                    progress(f"unpacking {archive.name}", done, total)
            return len(members)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise DownloadError(
            f"{archive}: not an intact zip archive ({error}); delete it and download it again"
        ) from error
    except OSError as error:
        raise OutputError(f"{target}: cannot be written: {error.strerror or error}") from error


def read_member(archive: Path, name: str) -> bytes | None:
    """The content of the first member with this file name in any folder, or ``None``.

    Raises:
        DownloadError: not an intact zip archive.
    """
    try:
        with zipfile.ZipFile(archive) as bundle:
            for info in bundle.infolist():
                if PurePosixPath(info.filename).name == name:
                    return bundle.read(info)
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise DownloadError(
            f"{archive}: not an intact zip archive ({error}); delete it and download it again"
        ) from error
    return None


def _routed(
    bundle: zipfile.ZipFile, archive: Path, route: Route | None
) -> list[tuple[zipfile.ZipInfo, PurePosixPath]]:
    """What to write where; refuses the archive if any member is not to be trusted."""
    wanted = [info for info in bundle.infolist() if not info.is_dir() and not _rubbish(info.filename)]
    for info in wanted:
        _refuse_unsafe(info, archive)
    paths = [PurePosixPath(info.filename) for info in wanted]
    drop = _common_folders(paths)
    members = []
    for info, path in zip(wanted, paths, strict=True):
        inside = PurePosixPath(*path.parts[drop:])
        routed = route(inside) if route else inside
        if routed is not None:
            members.append((info, routed))
    if len({path for _, path in members}) < len(members):
        raise DownloadError(f"{archive}: two files in this archive have one name; it was not unpacked")
    return members


def _refuse_unsafe(info: zipfile.ZipInfo, archive: Path) -> None:
    name = info.filename
    path = PurePosixPath(name)
    outside = path.is_absolute() or ".." in path.parts or "\\" in name or ":" in path.parts[0]
    if outside or stat.S_ISLNK(info.external_attr >> 16):
        raise DownloadError(
            f"{archive}: refused: its member {name!r} would be written outside the target folder"
        )


def _rubbish(name: str) -> bool:
    path = PurePosixPath(name)
    return "__MACOSX" in path.parts or path.name in {".DS_Store", "Thumbs.db"}


def _common_folders(paths: Iterable[PurePosixPath]) -> int:
    """How many leading folders all paths share, but only where that is a single wrapping folder."""
    tops = {path.parts[0] if len(path.parts) > 1 else "" for path in paths}
    return 1 if len(tops) == 1 and "" not in tops else 0
