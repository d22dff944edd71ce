"""What routes share: the store, the files, and rules for using them from many requests at once."""

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, BinaryIO, Final, TypeVar
from weakref import WeakValueDictionary

from anyio import CapacityLimiter, to_thread
from fastapi import Depends, Request
from fastapi import Path as PathParameter
from fastapi.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from spondyl.server.dispatcher import Dispatcher
from spondyl.server.errors import ApiError
from spondyl.server.events import Events
from spondyl.server.layout import CaseFiles, DataFolder
from spondyl.server.schemas import CaseInfo
from spondyl.server.settings import Settings
from spondyl.server.store import Case, Store

__all__ = ["CaseId", "Context", "Here", "stream_file"]

T = TypeVar("T")

_SEATS: Final = 2
"""Works of seconds at once."""

_MOST_WAITING: Final = 100
"""Threads for requests that read files or wait; further requests wait without one."""

CaseId = Annotated[str, PathParameter(pattern="^[0-9a-f]{32}$", description="Of a case.")]


@dataclass
class Context:
    """One running server.

    Attributes:
        settings: As it was started.
        data: Its folder.
        store: Its cases.
        dispatcher: Its worker.
        events: Who listens to changes.
    """

    settings: Settings
    data: DataFolder
    store: Store
    dispatcher: Dispatcher
    events: Events
    _locks: "WeakValueDictionary[str, _Lock]" = field(default_factory=WeakValueDictionary)
    _guard: threading.Lock = field(default_factory=threading.Lock)
    _seats: threading.BoundedSemaphore = field(default_factory=lambda: threading.BoundedSemaphore(_SEATS))
    _limit: CapacityLimiter | None = None

    async def aside(self, work: Callable[..., T], *arguments: Any) -> T:
        """Run in a thread what reads files or may have to wait for others, so that the API still answers."""
        if self._limit is None:
            self._limit = CapacityLimiter(_MOST_WAITING)
        return await to_thread.run_sync(work, *arguments, limiter=self._limit)

    @contextmanager
    def alone(self, case: str, *, heavy: bool = False) -> Iterator[None]:
        """Be the only one who reads or changes the result of a case.

        Args:
            case: Its id.
            heavy: The work takes seconds of processor time: few at once, whatever case they are about. Who
                waits for a case takes no seat, so that work on others goes on.
        """
        with self._guard:
            lock = self._locks.get(case) or _Lock()
            self._locks[case] = lock
        seat: AbstractContextManager[object] = self._seats if heavy else nullcontext()
        with lock.lock, seat:
            yield

    def case(self, case: str) -> Case:
        """One case.

        Raises:
            ApiError: there is none (404).
        """
        try:
            return self.store.get(case)
        except KeyError:
            raise ApiError(404, f"there is no case {case}") from None

    def done(self, case: str) -> CaseFiles:
        """The files of a case that has a result.

        Raises:
            ApiError: there is no such case (404), or no result yet (409).
        """
        state = self.case(case).state
        if state != "done":
            raise ApiError(409, f"there is no result: this case is {state}")
        return self.data.case(case)

    def describe(self, case: Case) -> CaseInfo:
        """A case as the API shows it."""
        position = self.store.positions().get(case.id) if case.state == "queued" else None
        return CaseInfo.of(case, position)


def _here(request: Request) -> Context:
    context: Context = request.app.state.context
    return context


Here = Annotated[Context, Depends(_here)]


class _Lock:
    """A lock that can be referred to weakly."""

    def __init__(self) -> None:
        self.lock = threading.Lock()


def stream_file(path: Path, media_type: str, name: str | None = None) -> StreamingResponse:
    """A file as an answer. It is opened at once, so that what replaces it meanwhile does not matter.

    Raises:
        ApiError: there is no such file (404).
    """
    try:
        stream = path.open("rb")
    except OSError:
        raise ApiError(404, f"there is no {path.name} for this case") from None
    headers = {"Content-Length": str(os.fstat(stream.fileno()).st_size)}
    if name is not None:
        headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return _FileResponse(stream, media_type=media_type, headers=headers)


class _FileResponse(StreamingResponse):
    """An open file as an answer, closed also if whoever asked has left before the first byte."""

    def __init__(self, stream: BinaryIO, **how: Any) -> None:
        super().__init__(iter(lambda: stream.read(1 << 20), b""), **how)
        self._stream = stream

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with self._stream:
            await super().__call__(scope, receive, send)
