"""The root of the command line: sub-commands, logging, and errors turned into exit codes."""

import logging
import os
import re
import sys
import threading

from cyclopts import App, Parameter

import spondyl
from spondyl.cli._mistakes import explained
from spondyl.cli.download import download
from spondyl.cli.evaluate import evaluate
from spondyl.cli.export import export
from spondyl.cli.measure import measure
from spondyl.cli.morphometry import morphometry
from spondyl.cli.node import node
from spondyl.cli.phantom import phantom
from spondyl.cli.predict import predict
from spondyl.cli.pull import pull
from spondyl.cli.relabel import relabel, shift
from spondyl.cli.report import report
from spondyl.cli.samples import samples
from spondyl.cli.serve import serve
from spondyl.cli.show import show
from spondyl.cli.train import train
from spondyl.errors import SpondylError

__all__ = ["app", "main"]


def _shown_default(value: object) -> str | None:
    """Defaults in the help; that a switch is off or nothing is given goes without saying."""
    if isinstance(value, (tuple, list)):
        return " ".join(map(str, value)) or None
    return None if value is None or value is False or value == "" else str(value)


app = App(
    name="spondyl",
    help="Find, name and segment every vertebra in a CT scan.",
    version=spondyl.__version__,
    default_parameter=Parameter(negative_iterable=(), show_default=_shown_default),
    suppress_keyboard_interrupt=False,
    error_formatter=explained,
)
app.command(predict)
app.command(export)
app.command(report)
app.command(shift)
app.command(relabel)
app.command(measure)
app.command(morphometry)
app.command(evaluate)
app.command(samples)
app.command(train)
app.command(phantom)
app.command(download)
app.command(node)
app.command(pull)
app.command(show)
app.command(serve)


def main() -> None:
    """Run the command line; exit code 2 for bad input, 130 for Ctrl-C.

    Errors raised on purpose, and those of the file system, are shown as one message without a
    traceback.
    """
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s: %(message)s")
    threading.excepthook = _tell_of_thread
    try:
        app([_at_home(word) for word in sys.argv[1:]])
    except SpondylError as error:
        sys.stderr.write(f"spondyl: {error}\n")
        sys.exit(2)
    except OSError as error:
        sys.stderr.write(f"spondyl: {error.filename or 'file system'}: {error.strerror or error}\n")
        sys.exit(2)
    except KeyboardInterrupt:
        sys.stderr.write("spondyl: interrupted\n")
        sys.exit(130)


def _at_home(word: str) -> str:
    """``~`` as the home folder where the shell leaves it alone: in ``--output=~/results`` and in quotes."""
    option, path = re.fullmatch(r"(--[\w-]+=)?(.*)", word, re.DOTALL).groups("")  # type: ignore[union-attr]
    return option + os.path.expanduser(path)  # noqa: PTH111 - a word need not be a path


def _tell_of_thread(failed: threading.ExceptHookArgs) -> None:
    """One line about a thread that failed, e.g. TensorBoard's on a full disk."""
    logging.getLogger("spondyl").error("in the background: %s", failed.exc_value)
