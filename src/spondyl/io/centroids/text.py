"""What the centroid formats share: reading text, names of vertebrae, building the spine."""

import json
import math
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from spondyl.anatomy import LABEL_OF, NAMES
from spondyl.errors import AnnotationError
from spondyl.spine import Spine, Vertebra

__all__ = ["build_spine", "checked_label", "number", "parse_label", "read_json", "read_text"]

_DECORATION = re.compile(
    r"^(vertebrae?[_\s-]*)?(?P<name>[A-Za-z]\d+)([_\s-]*cent(er|re|roid))?$", re.IGNORECASE
)


def read_text(path: Path) -> str:
    """The whole file as UTF-8, with or without byte order mark.

    Raises:
        AnnotationError: the file is missing, empty, unreadable or not text.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise AnnotationError(f"{path}: not a text file ({error.reason} at byte {error.start})") from error
    except OSError as error:
        raise AnnotationError(f"{path}: cannot be read: {error.strerror or error}") from error
    if not text.strip():
        raise AnnotationError(
            f"{path}: empty file; a scan without vertebrae needs a file with its header only"
        )
    return text


def read_json(path: Path) -> Any:
    """The content of a JSON file.

    Raises:
        AnnotationError: missing, or not JSON.
    """
    try:
        return json.loads(read_text(path))
    except json.JSONDecodeError as error:
        raise AnnotationError(f"{path}: not valid JSON (line {error.lineno}: {error.msg})") from error
    except RecursionError:
        raise AnnotationError(f"{path}: not a centroid file (nested too deeply)") from None


def parse_label(text: str, where: str) -> int:
    """VerSe number of a name as people write it: ``T12``, ``t12``, ``T12_center``, ``vertebrae_T12``.

    Args:
        text: The name.
        where: File and line, for the message.

    Raises:
        AnnotationError: not a vertebra.
    """
    found = _DECORATION.match(text.strip())
    name = found["name"].upper() if found else ""
    if name not in LABEL_OF:
        raise AnnotationError(f"{where}: unknown label {text!r}; expected C1-C7, T1-T13, L1-L6, S1 or S2")
    return LABEL_OF[name]


def checked_label(value: Any, where: str) -> int:
    """A VerSe number, given as a number or as text.

    Raises:
        AnnotationError: not a whole number, or not that of a vertebra.
    """
    label = number(value, where)
    if label not in NAMES:
        raise AnnotationError(f"{where}: unknown label {value!r}; expected a VerSe number (1-28)")
    return int(label)


def number(value: Any, where: str) -> float:
    """A finite coordinate.

    Raises:
        AnnotationError: not a number.
    """
    try:
        result = float(value)
    except (TypeError, ValueError):
        result = math.nan
    if not math.isfinite(result):
        raise AnnotationError(f"{where}: expected a number, found {value!r}")
    return result


def build_spine(vertebrae: Iterable[Vertebra], path: Path) -> Spine:
    """A spine whose errors name the file.

    Raises:
        AnnotationError: a label occurs twice, or a centroid is not finite.
    """
    try:
        return Spine(tuple(vertebrae))
    except AnnotationError as error:
        raise AnnotationError(f"{path}: {error}") from error
