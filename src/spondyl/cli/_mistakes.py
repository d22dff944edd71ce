"""What is said about a command line that cannot be understood."""

from typing import TYPE_CHECKING

from cyclopts import CycloptsError, CycloptsPanel, MissingArgumentError

if TYPE_CHECKING:
    from rich.panel import Panel

__all__ = ["explained"]


def explained(error: CycloptsError) -> "Panel":
    """The panel of a mistake. What was left out is named with what it is for, in the help's words."""
    left_out = error.argument
    if isinstance(error, MissingArgumentError) and left_out and not (error.keyword or left_out.tokens):
        command = " ".join(["spondyl", *(error.command_chain or ())])
        words = f"{max(left_out.names, key=len)} is missing"
        for argument in error.app.assemble_argument_collection(parse_docstring=True) if error.app else ():
            if argument.names == left_out.names and argument.parameter.help:
                words += f": {argument.parameter.help}"
        error = CycloptsError(msg=f"{words.removesuffix('.')}. See {command} --help")
    return CycloptsPanel(error)
