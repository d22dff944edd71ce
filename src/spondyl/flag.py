"""Remarks about scans, vertebrae and measurements."""

from dataclasses import dataclass

__all__ = ["Flag"]


@dataclass(frozen=True)
class Flag:
    """Something a reader should know before trusting a result.

    Attributes:
        code: A stable word for programs, e.g. ``"partly_visible"``.
        message: The same for people, one plain sentence.
    """

    code: str
    message: str
