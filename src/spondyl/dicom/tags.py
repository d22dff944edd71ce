"""Values of a DICOM header, read so that a damaged one is ``None`` and never an exception."""

import math
import re
from collections.abc import MutableSequence
from hashlib import sha256
from pathlib import Path
from types import ModuleType
from typing import Any, Final

from spondyl.errors import MissingDependencyError

__all__ = [
    "READ_ERRORS",
    "anonymous",
    "flag",
    "number",
    "numbers",
    "patient_key",
    "pydicom_of",
    "text",
    "words",
]

READ_ERRORS: Final = Exception
"""What pydicom may raise over a damaged file: nearly anything."""

Dataset = Any  # pydicom's, whose attributes are known by keyword only

_PATIENT: Final = (0x00100010, 0x00100020, 0x00100021, 0x00100030)
_LONGEST: Final = 64


def pydicom_of(path: Path) -> ModuleType:
    """The module ``pydicom``.

    Raises:
        MissingDependencyError: it is not installed.
    """
    try:
        import pydicom
    except ImportError:
        raise MissingDependencyError(
            f"{path}: DICOM needs pydicom; install it with: pip install 'spondyl[dicom]'"
        ) from None
    return pydicom


def text(dataset: Dataset, keyword: str) -> str:
    """A value as one short line of printable text; empty where there is none."""
    return "\\".join(words(dataset, keyword))[:_LONGEST]


def words(dataset: Dataset, keyword: str) -> tuple[str, ...]:
    """A value of several parts, each as printable text."""
    value = _get(dataset, keyword)
    if value is None:
        return ()
    parts = list(value) if isinstance(value, MutableSequence) else [value]  # a person's name is iterable, too
    return tuple("".join(c for c in _shown(part) if c.isprintable()).strip() for part in parts)


def _shown(part: Any) -> str:
    """A value as pydicom shows it; where a damaged header has a sequence instead, that may fail."""
    try:
        return str(part)
    except READ_ERRORS:
        return ""


def numbers(dataset: Dataset, keyword: str, count: int) -> tuple[float, ...] | None:
    """Exactly ``count`` finite numbers, or ``None``."""
    value = _get(dataset, keyword)
    try:
        found = tuple(float(part) for part in ([value] if isinstance(value, (str, int, float)) else value))
    except (TypeError, ValueError, OverflowError):
        return None
    return found if len(found) == count and all(map(math.isfinite, found)) else None


def number(dataset: Dataset, keyword: str) -> float | None:
    """One finite number, or ``None``."""
    found = numbers(dataset, keyword, 1)
    return None if found is None else found[0]


def flag(dataset: Dataset, keyword: str) -> int:
    """A whole number, 0 where there is none."""
    return int(number(dataset, keyword) or 0)


def patient_key(dataset: Dataset) -> str:
    """What tells one patient from another without telling who it is; empty for nameless files.

    Kept in memory only. Raw bytes, so that no character set is needed.
    """
    raw = []
    for tag in _PATIENT:
        try:
            value = dataset.get_item(tag)
        except READ_ERRORS:
            continue
        value = getattr(value, "value", None)
        raw.append(value if isinstance(value, bytes) else str(value or "").encode("utf-8", "replace"))
    known = [part.strip(b" \0^").upper() for part in raw]
    return sha256(b"\0".join(known)).hexdigest()[:16] if any(known) else ""


def anonymous(line: str, dataset: Dataset) -> str:
    """Free text without the words of the patient's name and number, which somebody may have typed into it."""
    names = re.findall(r"[^\W_]+", " ".join(words(dataset, "PatientName")))
    known = [name for name in names if len(name) > 1 or _is_caseless(name)]
    known += re.findall(r"[^\W_]{3,}", " ".join(words(dataset, "PatientID")))
    for word in sorted(known, key=len, reverse=True):
        pattern = re.escape(word)
        if not _is_caseless(word):  # those put no spaces between words
            pattern = rf"(?<![^\W_]){pattern}(?![^\W_])"
        line = re.sub(pattern, "", line, flags=re.IGNORECASE)
    return " ".join(line.split())


def _is_caseless(word: str) -> bool:
    """Whether a word is written in a script such as Chinese, where one sign may be a name."""
    return not word.isascii() and word.lower() == word.upper()


def _get(dataset: Dataset, keyword: str) -> Any:
    try:
        return dataset.get(keyword)
    except READ_ERRORS:
        return None
