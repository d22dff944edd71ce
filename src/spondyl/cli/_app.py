"""The root of the command line: sub-commands, logging, and errors turned into exit codes."""

import logging
import sys

from cyclopts import App

import spondyl
from spondyl.errors import SpondylError

__all__ = ["app", "main"]

app = App(
    name="spondyl", help="Find, name and segment every vertebra in a CT scan.", version=spondyl.__version__
)
app.command("spondyl.cli.predict:predict")
app.command("spondyl.cli.measure:measure")
app.command("spondyl.cli.evaluate:evaluate")
app.command("spondyl.cli.samples:samples")
app.command("spondyl.cli.train:train")
app.command("spondyl.cli.phantom:phantom")
app.command("spondyl.cli.download:download")
app.command("spondyl.cli.show:show")


def main() -> None:
    """Run the command line; exit code 2 for bad input, 130 for Ctrl-C.

    Errors raised on purpose are shown as one message without a traceback.
    """
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s: %(message)s")
    try:
        app()
    except SpondylError as error:
        sys.stderr.write(f"spondyl: {error}\n")
        sys.exit(2)
    except KeyboardInterrupt:
        sys.stderr.write("spondyl: interrupted\n")
        sys.exit(130)
