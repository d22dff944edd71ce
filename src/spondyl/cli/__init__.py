"""The command line. One file per command group; each command is a thin layer over the Python API.

Commands are named here by import path and imported only when used, so ``spondyl --help`` stays
quick.
"""

from spondyl.cli._app import app, main

__all__ = ["app", "main"]
