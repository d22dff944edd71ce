"""The application: routes, the page, and the guard around both."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from fastapi import FastAPI
from fastapi.staticfiles import StaticFiles

import spondyl
from spondyl.server import (
    docs_page,
    routes_cases,
    routes_corrections,
    routes_results,
    routes_server,
    routes_slicer,
    routes_training,
)
from spondyl.server.context import Context
from spondyl.server.dispatcher import Dispatcher
from spondyl.server.errors import add_error_answers
from spondyl.server.events import Events
from spondyl.server.layout import DataFolder
from spondyl.server.security import Guard
from spondyl.server.settings import Settings
from spondyl.server.store import Store

__all__ = ["STATIC", "create_app"]

STATIC: Final = Path(__file__).with_name("static")
"""The page."""

_ABOUT: Final = """Finds, names and segments every vertebra in CT scans. Not a medical device.

Coordinates are RAS+ mm. Every answer that is no success is `{"detail": "a sentence"}`.
"""


def create_app(settings: Settings, *, work: bool = True) -> FastAPI:
    """The server as an ASGI application.

    Args:
        settings: How it is run.
        work: Start the worker; without it, cases stay queued.

    Raises:
        InputError: another server uses the data folder.
        OutputError: the data folder cannot be used.
    """
    data = DataFolder(settings.data.absolute())
    data.make()
    events = Events()
    store = Store(data.database, events.tell)
    known = {case.id for case in store.find()}
    data.sweep(known)
    for case in known:
        if not data.case(case).folder.is_dir():  # killed in the middle of deleting it
            store.delete(case)
    store.resume()
    dispatcher = Dispatcher(store, data, settings)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        events.open()
        if work:
            dispatcher.start()
        yield
        events.close()
        dispatcher.stop()
        store.close()

    app = FastAPI(
        title="Spondyl",
        version=spondyl.__version__,
        description=_ABOUT,
        lifespan=lifespan,
        docs_url=None,  # both load scripts from elsewhere
        redoc_url=None,
    )
    app.state.context = Context(settings, data, store, dispatcher, events)
    add_error_answers(app, data.root)
    for module in (
        routes_cases,
        routes_results,
        routes_corrections,
        routes_training,
        routes_server,
        routes_slicer,
        docs_page,
    ):
        app.include_router(module.router)
    if STATIC.is_dir():
        app.mount("/", StaticFiles(directory=STATIC, html=True), name="page")
    app.add_middleware(Guard, settings=settings)
    return app
