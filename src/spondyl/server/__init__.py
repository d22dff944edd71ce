"""A server for one machine: scans in, results out, over HTTP; see ``docs/server.md``.

One process answers requests and never looks at a voxel; a second one, started by the first, finds
vertebrae, one scan after the other::

    POST /api/cases -> uploads -> store (SQLite) -> dispatcher -> worker process -> files of the case
                                     |
                                  events -> the page

Needs the extra ``spondyl[web]``.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from spondyl.server.app import create_app
    from spondyl.server.run import serve
    from spondyl.server.settings import Settings

_HOMES = {"Settings": "settings", "create_app": "app", "serve": "run"}

__all__ = ["Settings", "create_app", "serve"]


def __getattr__(name: str) -> Any:
    """Import a public name from its module on first use (PEP 562)."""
    if name not in _HOMES:
        raise AttributeError(f"module 'spondyl.server' has no attribute {name!r}")
    return getattr(import_module(f"spondyl.server.{_HOMES[name]}"), name)
