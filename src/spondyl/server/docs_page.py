"""``/docs``: the API as one plain page, made from ``/openapi.json``; nothing is loaded from elsewhere."""

import re
from html import escape
from typing import Any, Final

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response

__all__ = ["router"]

router = APIRouter(include_in_schema=False)

_STYLE: Final = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 56rem; margin: 2rem auto; padding: 0 1rem;
       color: #1c2126; background: #fff; }
h1, h2 { line-height: 1.2; } h2 { margin-top: 2.2rem; text-transform: capitalize; }
section { border-top: 1px solid #d7dce0; padding: .7rem 0; }
section p, section ul { margin: .3rem 0; }
code { font: 15px ui-monospace, monospace; } h3 { margin: 0; font-size: 1rem; }
h3 b { display: inline-block; min-width: 4.5rem; color: #0b6e4f; }
li { color: #4a545c; } a { color: #0b5cad; }
@media (prefers-color-scheme: dark) {
  body { color: #e6e9ec; background: #14181c; } section { border-color: #30373d; }
  h3 b { color: #5cc8a0; } li { color: #a8b2ba; } a { color: #7db7f0; }
}
"""


@router.get("/docs")
async def docs(request: Request) -> HTMLResponse:
    """The page."""
    return HTMLResponse(_page(request.app.openapi()))


@router.get("/docs.css")
async def style() -> Response:
    """Its looks; the content security policy allows none inside the page."""
    return Response(_STYLE, media_type="text/css")


def _page(api: dict[str, Any]) -> str:
    groups: dict[str, list[str]] = {}
    for path, methods in api["paths"].items():
        for method, route in methods.items():
            tag = (route.get("tags") or ["other"])[0]
            groups.setdefault(tag, []).append(_section(method.upper(), path, route))
    body = "".join(f"<h2>{escape(tag)}</h2>{''.join(parts)}" for tag, parts in groups.items())
    info = api["info"]
    about = "".join(f"<p>{_marked(part)}</p>" for part in info["description"].strip().split("\n\n"))
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Spondyl API</title>'
        '<meta name="viewport" content="width=device-width"><link rel="stylesheet" href="docs.css">'
        '<link rel="icon" href="icon.svg"></head>'
        f"<body><main><h1>Spondyl API {escape(info['version'])}</h1>{about}"
        '<p><a href="openapi.json">openapi.json</a> describes every value.</p>'
        f"{body}</main></body></html>"
    )


def _section(method: str, path: str, route: dict[str, Any]) -> str:
    said = _marked(route.get("description", ""))
    asked = [one["name"] for one in route.get("parameters", []) if one["in"] == "query"]
    query = f"?{'&'.join(f'{name}=' for name in asked)}" if asked else ""
    answers = "".join(
        f"<li><code>{escape(code)}</code> {escape(answer.get('description') or '')}</li>"
        for code, answer in route["responses"].items()
    )
    heading = f"<h3><b>{method}</b> <code>{escape(path + query)}</code></h3>"
    return f"<section>{heading}<p>{said}</p><ul>{answers}</ul></section>"


def _marked(text: str) -> str:
    """Text as HTML, what stands in backticks as code."""
    return re.sub("`+([^`]+)`+", r"<code>\1</code>", escape(text, quote=False))
