"""What the centroid formats share: reading text, names of vertebrae, building the spine."""

import math
import re
import reprlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

from spondyl.anatomy import LABEL_OF, NAMES
from spondyl.errors import AnnotationError
from spondyl.io import documents
from spondyl.spine import Spine, Vertebra

__all__ = ["build_spine", "checked_label", "number", "parse_label", "read_text"]

_DECORATION = re.compile(
    r"^(vertebrae?[_\s-]*)?(?P<name>[A-Za-z]\d+)([_\s-]*cent(er|re|roid))?$", re.IGNORECASE
)


_FURTHEST: Final = 1e9
"""Larger numbers are no coordinates, and would overflow in what is computed with them."""


def read_text(path: Path) -> str:
    """The whole file, see :func:`spondyl.io.documents.read_text`.

    Raises:
        AnnotationError: the file is missing, empty, unreadable, too large or not text.
    """
    text = documents.read_text(path, AnnotationError)
    if not text.strip():
        raise AnnotationError(
            f"{path}: empty file; a scan without vertebrae needs a file with its header only"
        )
    return text


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
    except (TypeError, ValueError, OverflowError):
        result = math.nan
    if not abs(result) <= _FURTHEST:
        raise AnnotationError(f"{where}: expected a number, found {reprlib.repr(value)}")
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
