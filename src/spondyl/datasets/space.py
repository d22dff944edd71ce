"""Is there room on the disk?"""

import shutil
from pathlib import Path

from spondyl.errors import OutputError

__all__ = ["check_space"]


def check_space(folder: Path, needed: int) -> None:
    """Refuse to begin what cannot end.

    Args:
        folder: Where to write; need not exist yet.
        needed: Bytes.

    Raises:
        OutputError: fewer bytes are free.
    """
    existing = next(place for place in (folder, *folder.absolute().parents) if place.exists())
    free = shutil.disk_usage(existing).free
    if needed > free:
        raise OutputError(
            f"{folder}: not enough space: {needed / 1e9:.1f} GB needed, {free / 1e9:.1f} GB free; "
            "make room or name a folder on another disk"
        )
