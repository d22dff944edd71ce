"""Answers that are not a success: every one is ``{"detail": "a sentence"}``."""

import errno
import logging
import re
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from spondyl.errors import InputError, MissingDependencyError, SpondylError

__all__ = ["ApiError", "Problem", "add_error_answers", "answers"]

logger = logging.getLogger(__name__)


class Problem(BaseModel):
    """Why a request was refused."""

    detail: str = Field(description="A sentence for people.")


class ApiError(HTTPException):
    """A refused request.

    Args:
        status_code: Of the answer.
        detail: Why, in a sentence.
    """


_MEANINGS: Final = {
    400: "The request cannot be understood.",
    401: "The token is missing or wrong.",
    403: "The request comes from a page of another site.",
    404: "There is no such case, file or page.",
    409: "The case is not in a state for this.",
    412: "The result is no longer the one in If-Match: somebody else corrected it meanwhile.",
    413: "The request is too large.",
    415: "The request is no multipart/form-data.",
    422: "Something given cannot be used.",
    501: "An optional part of the program is not installed.",
    507: "The disk of the server is full.",
}

_UNEXPECTED: Final = "the server failed unexpectedly; its log says why"


def answers(*codes: int) -> dict[int | str, dict[str, Any]]:
    """The ``responses`` of a route, for OpenAPI."""
    return {code: {"model": Problem, "description": _MEANINGS[code]} for code in codes}


def add_error_answers(app: FastAPI, root: Path) -> None:
    """Turn what a route raises into an answer.

    Args:
        app: What to add to.
        root: The data folder; where it lies is nobody's business.
    """
    path = re.compile(re.escape(str(root)) + r"[^\s:,;]*(: )?")

    def told(error: Exception) -> str:
        return path.sub("", str(error))

    def answer(status: Callable[[Any], int], text: Callable[[Any], str]) -> Any:
        async def handler(_request: Request, error: Exception) -> JSONResponse:
            headers = getattr(error, "headers", None)
            return JSONResponse({"detail": text(error)}, status(error), headers=headers)

        return handler

    app.add_exception_handler(HTTPException, answer(lambda e: e.status_code, lambda e: str(e.detail)))
    app.add_exception_handler(RequestValidationError, answer(lambda _: 422, _first_mistake))
    app.add_exception_handler(InputError, answer(lambda _: 422, told))
    app.add_exception_handler(MissingDependencyError, answer(lambda _: 501, told))
    app.add_exception_handler(SpondylError, answer(lambda _: 507, told))
    app.add_exception_handler(OSError, answer(lambda _: 507, _disk_trouble))
    app.add_exception_handler(sqlite3.OperationalError, answer(lambda _: 507, _disk_trouble))
    app.add_exception_handler(Exception, answer(lambda _: 500, lambda _: _UNEXPECTED))


def _disk_trouble(error: OSError | sqlite3.OperationalError) -> str:
    """What is told of a disk that refuses; the log knows which file."""
    logger.error("a request failed: %s", error)
    full = getattr(error, "errno", None) in {errno.ENOSPC, errno.EDQUOT} or "full" in str(error)
    if full:
        return "the disk of the server is full; delete cases that are no longer needed"
    return f"the server cannot use its disk: {getattr(error, 'strerror', None) or error}"


def _first_mistake(error: RequestValidationError) -> str:
    first = error.errors()[0]
    return f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}"
