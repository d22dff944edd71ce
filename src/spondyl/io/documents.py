"""Small text files of foreign origin: read whole, but never more of them than makes sense."""

import json
from pathlib import Path
from typing import Any, Final

from spondyl.errors import SpondylError

__all__ = ["LARGEST_BYTES", "read_json", "read_text"]

LARGEST_BYTES: Final = 2**24
"""A hundred times the largest annotation, result or description; more is another file by mistake."""


def read_text(path: Path, error: type[SpondylError]) -> str:
    """The whole file as UTF-8, with or without byte order mark.

    Args:
        path: The file.
        error: What to raise.

    Raises:
        SpondylError: of the kind ``error``: missing, unreadable, too large or not text.
    """
    try:
        with path.open("rb") as stream:
            content = stream.read(LARGEST_BYTES + 1)
        if len(content) > LARGEST_BYTES:
            raise error(f"{path}: more than {LARGEST_BYTES >> 20} MB; expected a small text file")
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as cause:
        raise error(f"{path}: not a text file ({cause.reason} at byte {cause.start})") from cause
    except OSError as cause:
        raise error(f"{path}: cannot be read: {cause.strerror or cause}") from cause


def read_json(path: Path, error: type[SpondylError]) -> Any:
    """The content of a JSON file.

    Args:
        path: The file.
        error: What to raise.

    Raises:
        SpondylError: of the kind ``error``: as :func:`read_text`, not JSON, or nested too deeply.
    """
    text = read_text(path, error)
    try:
        return json.loads(text)
    except json.JSONDecodeError as cause:
        raise error(f"{path}: not valid JSON (line {cause.lineno}: {cause.msg})") from cause
    except (ValueError, RecursionError) as cause:  # a number of thousands of digits; lists in lists in lists
        raise error(f"{path}: not valid JSON of ours ({cause})") from cause
