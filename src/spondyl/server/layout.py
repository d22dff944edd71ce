"""Where the files of a case lie, below the data folder of a server.

::

    DATA/
        cases.sqlite        what the store knows
        incoming/ID/        an upload on its way
        cases/ID/
            upload/         files as sent, under names of our own
            unpacked/       what an archive among them held
            display/        what a browser gets: image, mask, strips
            result/         as 'spondyl predict' writes it, without the preview
"""

import shutil
from dataclasses import dataclass
from pathlib import Path

from spondyl.io.atomic import check_writable

__all__ = ["CaseFiles", "DataFolder"]


@dataclass(frozen=True)
class CaseFiles:
    """The files of one case; they may not be there yet."""

    folder: Path

    @property
    def upload(self) -> Path:
        """Files as sent."""
        return self.folder / "upload"

    @property
    def unpacked(self) -> Path:
        """What an archive among them held."""
        return self.folder / "unpacked"

    @property
    def sent(self) -> Path:
        """The folder the scan was read from."""
        return self.unpacked if self.unpacked.is_dir() else self.upload

    @property
    def result(self) -> Path:
        """As ``spondyl predict`` writes it."""
        return self.folder / "result"

    @property
    def image(self) -> Path:
        """The scan for a browser."""
        return self.folder / "display" / "image.nii.gz"

    @property
    def mask(self) -> Path:
        """The mask on the grid of :attr:`image`."""
        return self.folder / "display" / "mask.nii.gz"

    def strip(self, plane: str, suffix: str) -> Path:
        """The strip along the spine: ``.png``, or where it lies (``.json``)."""
        return self.folder / "display" / f"{plane}{suffix}"

    def clean(self) -> None:
        """Delete all but what was sent, before a new attempt and after a cancelled one."""
        try:
            there = list(self.folder.iterdir())
        except FileNotFoundError:  # the whole case is deleted, perhaps at this moment
            return
        for path in there:
            if path.name != "upload":
                _remove(path)


@dataclass(frozen=True)
class DataFolder:
    """The data folder of a server."""

    root: Path

    @property
    def database(self) -> Path:
        """The store's file."""
        return self.root / "cases.sqlite"

    def make(self) -> None:
        """Make the folders, readable by the owner alone.

        Raises:
            OutputError: it cannot be made or written to.
        """
        check_writable(self.root)
        self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        for name in ("incoming", "cases"):
            (self.root / name).mkdir(mode=0o700, exist_ok=True)

    def incoming(self, case: str) -> Path:
        """Where an upload is written until it is complete."""
        return self.root / "incoming" / case

    def case(self, case: str) -> CaseFiles:
        """The files of a case."""
        return CaseFiles(self.root / "cases" / case)

    def accept(self, case: str) -> None:
        """An upload is complete: its files become those of a case."""
        files = self.case(case)
        files.folder.mkdir(mode=0o700)
        self.incoming(case).rename(files.upload)

    def remove(self, case: str) -> None:
        """Delete all files of a case."""
        _remove(self.case(case).folder)

    def sweep(self, known: set[str]) -> None:
        """Delete what a killed server left: uploads cut short, and files of cases it never recorded."""
        for path in (self.root / "incoming").iterdir():
            _remove(path)
        for path in (self.root / "cases").iterdir():
            if path.name not in known:
                _remove(path)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
