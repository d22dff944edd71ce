"""One scan as a web page in a single file: no network, pictures inside."""

import base64
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from spondyl.errors import MissingDependencyError
from spondyl.export.subject import Subject
from spondyl.io.atomic import write_text
from spondyl.report.sheet import DISCLAIMER, Sheet

if TYPE_CHECKING:
    from jinja2 import Environment

__all__ = ["environment", "write_html"]


def write_html(subject: Subject, path: Path | str) -> None:
    """Write the report of one scan.

    Raises:
        MissingDependencyError: jinja2 is not installed.
        OutputError: the file cannot be written.
    """
    template = environment().get_template("scan.html.j2")
    text = template.render(
        sheet=Sheet.of(subject.result, subject.name),
        picture=_base64(subject.preview_png),
        landmarks=_base64(subject.landmarks_png),
        disclaimer=DISCLAIMER,
    )
    write_text(path, text)


def _base64(content: bytes | None) -> str:
    return base64.b64encode(content or b"").decode("ascii")


@cache
def environment() -> "Environment":
    """The templates, with the style sheet at hand; everything put into them is escaped.

    Raises:
        MissingDependencyError: jinja2 is not installed.
    """
    try:
        from jinja2 import Environment, PackageLoader, StrictUndefined
    except ImportError:
        raise MissingDependencyError(
            "reports need jinja2; install it with: pip install 'spondyl[report]'"
        ) from None
    from markupsafe import Markup

    templates = Environment(
        loader=PackageLoader("spondyl.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    style = files("spondyl.report") / "templates" / "style.css"
    templates.globals["style"] = Markup(style.read_text("utf-8"))  # noqa: S704 - our own file
    return templates
