"""The command line. One file per command group; each command is a thin layer over the Python API.

What a command needs is imported inside it, so that ``spondyl --help`` stays quick.
"""

from spondyl.cli._app import app, main

__all__ = ["app", "main"]
