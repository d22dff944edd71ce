"""What a quality check found."""

from dataclasses import dataclass

from spondyl.flag import Flag

__all__ = ["Finding"]


@dataclass(frozen=True)
class Finding:
    """A flag, and what it is about.

    Attributes:
        flag: The remark.
        label: VerSe number of the vertebra it is about; ``None``: the whole scan.
    """

    flag: Flag
    label: int | None = None
