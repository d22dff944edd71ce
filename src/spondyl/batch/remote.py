"""Scans and results in a store that fsspec knows (``s3://``, ``gs://``, ``abfs://``, ``memory://`` ...)."""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from spondyl.batch.results import Results
from spondyl.batch.scans import Scan
from spondyl.datasets.files import IMAGE_SUFFIXES, image_stem, looks_like_mask
from spondyl.errors import (
    AnnotationError,
    DatasetError,
    ImageError,
    MissingDependencyError,
    OutputError,
    SpondylError,
)
from spondyl.io.atomic import is_full, refused
from spondyl.io.described import DETACHED
from spondyl.outputs import RESULT, write_outputs
from spondyl.result import Result
from spondyl.spine import Spine
from spondyl.volume import Volume

__all__ = ["RemoteResults", "RemoteScan", "asking", "filesystem", "find_remote_scans"]


def filesystem(url: str) -> tuple[Any, str]:
    """The fsspec file system of a URL, and the path in it.

    Addresses and keys of the store come from fsspec's own configuration.

    Raises:
        MissingDependencyError: fsspec, or what it needs for this kind of store, is not installed.
    """
    try:
        import fsspec

        found: tuple[Any, str] = fsspec.core.url_to_fs(url)
    except (ImportError, ValueError) as error:
        raise MissingDependencyError(f"{url}: {error}; pip install 'spondyl[s3]' for s3://") from error
    return found


@contextmanager
def asking(url: str, kind: type[SpondylError], wish: str) -> Iterator[None]:
    """Turn what goes wrong between here and a store into an error of ours.

    Libraries of stores have exceptions of their own beside ``OSError``: keys that are missing, a server out
    of reach.

    Args:
        url: What is asked for.
        kind: The error to raise.
        wish: That it be ``read`` or ``written``.

    Raises:
        DiskFullError: no space is left on this machine.
        SpondylError: of the given kind.
    """
    try:
        yield
    except SpondylError:
        raise
    except Exception as error:
        if isinstance(error, OSError) and is_full(error):
            raise refused(Path(tempfile.gettempdir()), error) from error
        raise kind(f"{url}: cannot be {wish}: {error or type(error).__name__}") from error


@dataclass(frozen=True)
class RemoteScan(Scan):
    """A scan in a store.

    Attributes:
        url: Where it is; ``path`` is the same as a path, for its parts.
    """

    url: str

    @property
    def place(self) -> str:
        """See :attr:`spondyl.batch.scans.Scan.place`."""
        return self.url

    def absolute(self) -> Self:
        """See :meth:`spondyl.batch.scans.Scan.absolute`."""
        return self

    @contextmanager
    def at_hand(self) -> Iterator[Scan]:
        """The scan as a temporary file.

        Raises:
            ImageError: it cannot be fetched or read.
            DiskFullError: there is no space for it here.
        """
        if self.path.suffix.lower() in DETACHED:
            raise ImageError(
                f"{self.url}: its voxels lie in another file, which is not fetched from a store; "
                "convert it to .mha or .nrrd"
            )
        with tempfile.TemporaryDirectory(prefix="spondyl-") as folder:
            here = Path(folder) / self.path.name
            store, path = filesystem(self.url)
            with asking(self.url, ImageError, "read"):
                store.get_file(path, str(here))
            try:
                yield Scan(self.name, here)
            except ImageError as error:  # about a file that is gone when somebody reads this
                raise ImageError(str(error).replace(str(here), self.url)) from error

    def stamp(self) -> str | None:
        """Size and the store's own mark of a state (S3: the ETag)."""
        store, path = filesystem(self.url)
        try:
            with asking(self.url, ImageError, "read"):
                about = store.info(path)
        except ImageError:
            return None
        mark = next((about[key] for key in ("ETag", "etag", "LastModified", "mtime") if key in about), None)
        return None if mark is None else f"{about['size']}:{mark}"


def find_remote_scans(url: str) -> list[RemoteScan]:
    """The scan behind a URL, or all scans below it; masks and hidden files are left out.

    Raises:
        DatasetError: nothing there, or the store cannot be read.
        MissingDependencyError: the kind of store needs a package.
    """
    store, path = filesystem(url)
    with asking(url, DatasetError, "read"):
        files = [path] if store.isfile(path) else sorted(store.find(path))
    scans = []
    for file in files:
        name = Path(file).name
        stem = image_stem(Path(name))
        if stem and not name.startswith(".") and not looks_like_mask(Path(name)):
            place = store.unstrip_protocol(file)
            scans.append(RemoteScan(stem, Path(place), place))
    if not scans:
        raise DatasetError(f"{url}: no scans found; looked for names ending in {', '.join(IMAGE_SUFFIXES)}")
    return scans


class RemoteResults(Results):
    """Results in a store. ``result.json`` is written last and says that the others are whole.

    There are no claims: two runs at once may both predict a scan, and the last one's files stay.

    Args:
        out: URL of the folder of all results.
    """

    def __init__(self, out: str) -> None:
        self._out = out.rstrip("/")

    def claim(self, name: str) -> AbstractContextManager[bool]:  # noqa: ARG002 - the interface's
        """See :class:`spondyl.batch.results.Results`."""
        return nullcontext(enter_result=True)

    def earlier(self, name: str) -> Result | None:
        """See :class:`spondyl.batch.results.Results`."""
        url = f"{self._out}/{name}/{RESULT}"
        store, path = filesystem(url)
        with tempfile.TemporaryDirectory(prefix="spondyl-") as folder:
            here = Path(folder) / RESULT
            try:
                with asking(url, OutputError, "read"), suppress(FileNotFoundError):
                    store.get_file(path, str(here))
                return Result.read(here) if here.exists() else None
            except AnnotationError as error:
                about = str(error).replace(str(here), url)
                raise OutputError(f"{about}; --overwrite replaces it") from error

    def write(
        self,
        name: str,
        spine: Spine,
        volume: Volume,
        *,
        file: Path,
        sha256: str,
        series: str | None,
        also: Sequence[str],
    ) -> Result:
        """See :class:`spondyl.batch.results.Results`."""
        url = f"{self._out}/{name}"
        store, path = filesystem(url)
        with tempfile.TemporaryDirectory(prefix="spondyl-") as temporary:
            folder = Path(temporary) / name
            # There is no way from a store to a file here: only the name is recorded.
            file = Path(url, file.name)
            result = write_outputs(spine, volume, folder, file=file, sha256=sha256, series=series, also=also)
            with asking(url, OutputError, "written"):
                store.makedirs(path, exist_ok=True)
                if store.exists(f"{path}/{RESULT}"):
                    store.rm_file(f"{path}/{RESULT}")  # what follows is not whole until it is back
                for part in sorted(folder.rglob("*"), key=lambda part: part.name == RESULT):
                    if part.is_file():
                        store.put_file(str(part), f"{path}/{part.relative_to(folder).as_posix()}")
        return result
