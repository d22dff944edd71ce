"""Telling pages what changed, as server-sent events.

Every listener holds the ids that changed since it last looked, each once, however often it
changed: a slow reader costs no memory.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Final

__all__ = ["Events"]

_ALIVE_S: Final = 15.0
"""A comment this often tells proxies, and us, that the other end is there."""


class Events:
    """Those who listen, and what they have not heard yet."""

    def __init__(self) -> None:
        self._listeners: set[_Listener] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._closed = False

    def open(self) -> None:
        """Begin, in the loop that serves the listeners."""
        self._loop = asyncio.get_running_loop()

    def close(self) -> None:
        """Send everybody home."""
        self._closed = True
        for listener in self._listeners:
            listener.news.set()

    def tell(self, case: str) -> None:
        """A case changed; from any thread."""
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody listens
                self._loop.call_soon_threadsafe(self._tell, case)

    async def listen(self, describe: Callable[[str], str]) -> AsyncIterator[str]:
        """The text of the stream.

        Args:
            describe: From a case's id to the text of its event.
        """
        listener = _Listener()
        self._listeners.add(listener)
        try:
            yield "retry: 2000\n\n"
            while not self._closed:
                try:
                    await asyncio.wait_for(listener.news.wait(), _ALIVE_S)
                except TimeoutError:
                    yield ": alive\n\n"
                    continue
                for case in listener.take():
                    yield describe(case)
        finally:
            self._listeners.discard(listener)

    def _tell(self, case: str) -> None:
        for listener in self._listeners:
            listener.changed[case] = None
            listener.news.set()


class _Listener:
    def __init__(self) -> None:
        self.changed: dict[str, None] = {}
        self.news = asyncio.Event()

    def take(self) -> list[str]:
        self.news.clear()
        changed, self.changed = list(self.changed), {}
        return changed
