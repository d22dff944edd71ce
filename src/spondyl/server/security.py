"""Who is let in: the token, the name the server is called by, and pages of other sites.

One layer of plain ASGI around the whole application, so that nothing is served past it and
streams stay streams.
"""

import hashlib
import hmac
from collections.abc import Mapping
from http.cookies import CookieError, SimpleCookie
from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from spondyl.server.settings import Settings

__all__ = ["HEADERS", "Guard", "cookie_name", "cookie_value", "same_secret"]

HEADERS: Final[Mapping[str, str]] = {
    # The viewer makes workers and pictures of its own; nothing comes from elsewhere.
    "Content-Security-Policy": "; ".join(
        (
            "default-src 'none'",
            "script-src 'self'",
            "worker-src 'self' blob:",
            "style-src 'self'",
            "img-src 'self' data: blob:",
            "font-src 'self' data:",
            "connect-src 'self' data: blob:",
            "manifest-src 'self'",
            "base-uri 'none'",
            "form-action 'self'",
            "frame-ancestors 'none'",
        )
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}

_READING: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_PRIVATE: Final = ("/api/", "/info/", "/session/", "/infer/", "/auth/token/valid")
_OPEN: Final = frozenset({"/api/health", "/api/login"})
"""Below which a token is needed, and those that need none. The page itself holds no secret."""

_UPLOADS: Final = ("/api/cases", "/session/", "/infer/")
_MOST_BODY: Final = 1 << 20
"""Those that take scans, with limits of their own; the body of any other request, bytes."""


class Guard:
    """Refuses what should not reach the application, and puts security headers on every answer.

    Args:
        app: What is guarded.
        settings: Token and names.
    """

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app = app
        self._settings = settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self._app(scope, receive, send)
            return

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
                # The page's files are asked for anew: modules of two versions do not work together.
                kept = "no-store" if scope["path"].startswith(_PRIVATE) else "no-cache"
                headers.setdefault("Cache-Control", kept)
            await send(message)

        refusal = self._refusal(scope)
        if refusal is None:
            await self._app(scope, _bounded(scope, receive), send_guarded)
        else:
            await refusal(scope, receive, send_guarded)

    def _refusal(self, scope: Scope) -> JSONResponse | None:
        headers = Headers(scope=scope)
        if not self._settings.knows_host(headers.get("host", "")):
            return _refused(403, "this server is not called by that name; --allow-host adds one")
        if scope["method"] not in _READING and not _from_here(headers):
            return _refused(403, "requests that change something must not come from another site")
        path = scope["path"]
        if path.startswith(_PRIVATE) and path not in _OPEN and not self._knows_token(headers):
            return _refused(401, "give the token: 'Authorization: Bearer TOKEN', or log in on the page")
        return None

    def _knows_token(self, headers: Headers) -> bool:
        token = self._settings.token
        if token is None:
            return True
        scheme, _, given = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and same_secret(given.strip(), token):
            return True
        return same_secret(_cookie(headers, cookie_name(token)), cookie_value(token))


def same_secret(given: str, expected: str) -> bool:
    """Compare in a time that tells nothing about where they differ."""
    return hmac.compare_digest(given.encode("utf-8", "replace"), expected.encode("utf-8", "replace"))


def cookie_name(token: str) -> str:
    """One for each token: browsers give the cookies of a machine to all its ports, so to all its servers."""
    return f"spondyl_{_derived(token, b'spondyl cookie')[:8]}"


def cookie_value(token: str) -> str:
    """What the cookie of a page holds: proof that the token was known, not the token."""
    return _derived(token, b"spondyl session")


def _derived(token: str, purpose: bytes) -> str:
    return hmac.new(token.encode(), purpose, hashlib.sha256).hexdigest()


def _cookie(headers: Headers, name: str) -> str:
    try:
        found = SimpleCookie(headers.get("cookie", "")).get(name)
    except CookieError:
        return ""
    return "" if found is None else found.value


def _from_here(headers: Headers) -> bool:
    """Whether a request comes from a page of this server, or from a program that is no browser."""
    if headers.get("sec-fetch-site", "same-origin") not in {"same-origin", "none"}:
        return False
    origin = headers.get("origin")
    if origin is None:
        return True
    return urlsplit(origin).netloc.lower() == headers.get("host", "").lower() != ""


def _bounded(scope: Scope, receive: Receive) -> Receive:
    """Let nobody fill the memory through a request that is read as a whole."""
    path = scope["path"]
    if path == _UPLOADS[0] or path.startswith(_UPLOADS[1:]):
        return receive
    size = 0

    async def receive_little() -> Message:
        nonlocal size
        message = await receive()
        size += len(message.get("body", b""))
        if size > _MOST_BODY:
            raise HTTPException(413, f"more than {_MOST_BODY >> 10} kB in a request that is no upload")
        return message

    return receive_little


def _refused(status: int, why: str) -> JSONResponse:
    extra = {"WWW-Authenticate": "Bearer"} if status == 401 else None
    return JSONResponse({"detail": why}, status, extra)
