"""The manifest in a store, which cannot append: ``OUT/manifest/RUN-NNNN.jsonl``, rewritten now and then."""

import time
from collections.abc import Callable, Iterator
from typing import Final

from spondyl.batch.remote import asking, filesystem
from spondyl.errors import OutputError

__all__ = ["RemoteManifest", "remote_lines"]

_LINES: Final = 1000
"""Lines in one object, so that rewriting it stays cheap."""

_EVERY_S: Final = 10
"""Seconds between two writes; a killed run loses the lines of so many, and no result."""


class RemoteManifest:
    """Collects lines and writes them to a store.

    Args:
        out: URL of the folder of all results.
        run: Name of this run; sorts by time.
        clock: Seconds, for tests.
    """

    def __init__(self, out: str, run: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._url = f"{out.rstrip('/')}/manifest/{run}"
        self._clock = clock
        self._lines: list[str] = []
        self._number = 0
        self._written = clock()

    def add(self, line: str) -> None:
        """Add a line; it is in the store soon, or after :meth:`close`.

        Raises:
            OutputError: the store cannot be written to.
        """
        self._lines.append(line)
        if len(self._lines) >= _LINES or self._clock() - self._written >= _EVERY_S:
            self.close()
        if len(self._lines) >= _LINES:
            self._lines.clear()
            self._number += 1

    def close(self) -> None:
        """Write what is not in the store yet.

        Raises:
            OutputError: the store cannot be written to.
        """
        if not self._lines:
            return
        store, path = filesystem(f"{self._url}-{self._number:04}.jsonl")
        with asking(self._url, OutputError, "written"):
            store.makedirs(path.rpartition("/")[0], exist_ok=True)
            store.pipe_file(path, "".join(f"{line}\n" for line in self._lines).encode())
        self._written = self._clock()


def remote_lines(out: str) -> Iterator[str]:
    """All lines of all runs, oldest run first.

    Raises:
        OutputError: the store cannot be read.
    """
    url = f"{out.rstrip('/')}/manifest"
    store, path = filesystem(url)
    with asking(url, OutputError, "read"):
        files = sorted(store.find(path))
    for file in files:
        with asking(f"{out}: {file}", OutputError, "read"):
            content = store.cat_file(file)
        yield from content.decode(errors="replace").splitlines()
