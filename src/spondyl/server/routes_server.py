"""The server itself: what it is, whether it is well, who may come in."""

from importlib.util import find_spec

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field

import spondyl
from spondyl.anatomy import COLOURS, NAMES, ORDER
from spondyl.export import FORMATS
from spondyl.server.context import Here
from spondyl.server.errors import ApiError, answers
from spondyl.server.schemas import ExportFormat, Level, ServerInfo
from spondyl.server.security import cookie_name, cookie_value, same_secret

__all__ = ["router"]

router = APIRouter(prefix="/api", tags=["server"])


class Health(BaseModel):
    """Whether the server answers."""

    status: str = "ok"


class Login(BaseModel):
    """The secret the server was started with."""

    model_config = ConfigDict(extra="forbid")

    token: str = Field(max_length=1000)


@router.get("/health")
async def get_health() -> Health:
    """Whether the server answers; needs no token."""
    return Health()


@router.get("/info")
async def get_info(here: Here) -> ServerInfo:
    """What this server is and takes."""
    settings = here.settings
    return ServerInfo(
        version=spondyl.__version__,
        model="default" if settings.model is None else settings.model.name,
        cases=here.store.counts(),
        max_upload_mb=settings.max_upload_mb,
        max_files=settings.max_files,
        dicom=find_spec("pydicom") is not None,
        formats=[ExportFormat(name=word, file=kind.name, about=kind.about) for word, kind in FORMATS.items()],
        levels=[Level(name=NAMES[label], label=label, colour=_hex(COLOURS[label])) for label in ORDER],
    )


@router.post("/login", status_code=204, responses=answers(401, 403, 422))
async def login(body: Login, request: Request, here: Here) -> Response:
    """Trade the token for a cookie, for pages; it lasts until the browser is closed."""
    token = here.settings.token
    if token is not None and not same_secret(body.token, token):
        raise ApiError(401, "that is not the token this server was started with")
    response = Response(status_code=204)
    if token is not None:
        secure = request.url.scheme == "https"
        response.set_cookie(
            cookie_name(token), cookie_value(token), httponly=True, samesite="strict", secure=secure
        )
    return response


@router.post("/logout", status_code=204, responses=answers(403))
async def logout(here: Here) -> Response:
    """Forget the cookie."""
    response = Response(status_code=204)
    if here.settings.token is not None:
        response.delete_cookie(cookie_name(here.settings.token), httponly=True, samesite="strict")
    return response


def _hex(colour: tuple[int, int, int]) -> str:
    return "#{:02x}{:02x}{:02x}".format(*colour)
