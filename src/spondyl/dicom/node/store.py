"""The folder of a node.

::

    STORE/
        queue.sqlite       what is known about the studies
        node.lock          held by the node that runs
        secret             from which de-identified names come
        incoming/          objects being received
        studies/NUMBER/
            received/      one file per instance, named by a hash of its UID
            results/       what goes out

No name on disk comes from a DICOM object, so none can lead out of the folder or tell whose study it is.
"""

import hashlib
import os
import shutil
import sqlite3
from contextlib import suppress
from pathlib import Path

from spondyl.dicom.identity_files import secret_at
from spondyl.errors import OutputError

__all__ = ["Store", "flush", "hash_file"]


class Store:
    """Paths in the folder of a node, and what is done with the files there.

    Args:
        root: The folder; made if missing, readable by its owner alone.

    Raises:
        OutputError: it cannot be made.
    """

    def __init__(self, root: Path | str) -> None:
        self.root = Path(root)
        self.incoming = self.root / "incoming"
        self.queue = self.root / "queue.sqlite"
        self._studies = self.root / "studies"
        self._lock: sqlite3.Connection | None = None
        try:
            for folder in (self.root, self.incoming, self._studies):
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(f"{self.root}: no folder for a node: {error.strerror or error}") from error

    def lock(self) -> None:
        """Take the store for one node, until :meth:`unlock` or the end of the program, however it ends.

        Raises:
            OutputError: another node holds it.
        """
        # SQLite's lock, since it is the same on every system and never outlives its program.
        self._lock = sqlite3.connect(self.root / "node.lock", timeout=0, isolation_level=None)
        try:
            self._lock.execute("BEGIN EXCLUSIVE")
        except sqlite3.OperationalError as error:
            self.unlock()
            raise OutputError(
                f"{self.root}: another node works here; stop it, or choose another folder"
            ) from error

    def unlock(self) -> None:
        """Give the store free."""
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def free_mb(self) -> float:
        """Free space on the store's disk, 10^6 bytes."""
        return shutil.disk_usage(self.root).free / 1e6

    def secret(self) -> bytes:
        """32 random bytes that nobody else knows, made once.

        Raises:
            InputError: they cannot be read.
            OutputError: they cannot be written.
        """
        return secret_at(self.root / "secret")

    def received(self, study: int) -> Path:
        """Folder of a study's instances."""
        return self._studies / str(study) / "received"

    def results(self, study: int) -> Path:
        """Folder of a study's results."""
        return self._studies / str(study) / "results"

    def place(self, file: Path, study: int, uid: str) -> None:
        """Move a received file on the same disk to its study: it is there as a whole, or not at all."""
        folder = self.received(study)
        folder.mkdir(parents=True, exist_ok=True)
        file.replace(folder / f"{hashlib.sha256(uid.encode()).hexdigest()[:32]}.dcm")
        _flush_folder(folder)

    def delete(self, study: int) -> None:
        """Delete all files of a study."""
        shutil.rmtree(self._studies / str(study), ignore_errors=True)

    def studies(self) -> list[int]:
        """Numbers of the studies that have files."""
        return sorted(int(path.name) for path in self._studies.iterdir() if path.name.isdigit())

    def sweep(self, older_than_s: float, now: float) -> None:
        """Delete what associations that broke off left in ``incoming``."""
        for file in self.incoming.iterdir():
            with suppress(FileNotFoundError):  # it was whole, and moved to its study, meanwhile
                if now - file.stat().st_mtime >= older_than_s:
                    file.unlink()


def flush(folder: Path) -> None:
    """Make the files in a folder outlive a power cut."""
    for file in folder.iterdir():
        with file.open("rb+") as stream:
            os.fsync(stream.fileno())
    _flush_folder(folder)


def hash_file(file: Path) -> str:
    """SHA-256 of a file; flushes it to the disk."""
    with file.open("rb+") as stream:  # some systems flush only what may be written to
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
        os.fsync(stream.fileno())
    return digest


def _flush_folder(folder: Path) -> None:
    """Make a rename outlive a power cut, where the system lets folders be flushed."""
    if not hasattr(os, "O_DIRECTORY"):
        return
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
