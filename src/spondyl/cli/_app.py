"""The root of the command line: sub-commands, logging, and errors turned into exit codes."""

import logging
import sys

from cyclopts import App

import spondyl
from spondyl.cli.download import download
from spondyl.cli.evaluate import evaluate
from spondyl.cli.export import export
from spondyl.cli.measure import measure
from spondyl.cli.morphometry import morphometry
from spondyl.cli.phantom import phantom
from spondyl.cli.predict import predict
from spondyl.cli.relabel import relabel, shift
from spondyl.cli.samples import samples
from spondyl.cli.show import show
from spondyl.cli.train import train
from spondyl.errors import SpondylError

__all__ = ["app", "main"]

app = App(
    name="spondyl", help="Find, name and segment every vertebra in a CT scan.", version=spondyl.__version__
)
app.command(predict)
app.command(export)
app.command(shift)
app.command(relabel)
app.command(measure)
app.command(morphometry)
app.command(evaluate)
app.command(samples)
app.command(train)
app.command(phantom)
app.command(download)
app.command(show)


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
