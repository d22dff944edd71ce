"""What files are written from: one scan and what was found in it."""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from spondyl.result import Result
from spondyl.spine import Spine
from spondyl.volume import Grid, Volume

__all__ = ["Subject"]

_AIR_HU = -1000


@dataclass(frozen=True, eq=False)
class Subject:
    """One scan and what was found in it.

    Attributes:
        spine: What was found, with its mask if there is one.
        result: What ``result.json`` says about it.
        scan: The scan in HU; ``None`` where it is not at hand.
        file: Where the scan lies, if that is known; DICOM objects refer to the images of its series.
        named: Somebody said so; otherwise the result remembers it.
        name: What reports call the scan: many are files of one name in folders of their own. ``None``: as
            its file.
    """

    spine: Spine
    result: Result
    scan: Volume | None = None
    file: Path | None = None
    named: bool = False
    name: str | None = None

    @property
    def grid(self) -> Grid:
        """Of the scan, as stored on disk."""
        return self.result.grid if self.scan is None else self.scan.grid

    @cached_property
    def preview_png(self) -> bytes:
        """The preview, drawn once for all files that show it; on black where the scan is not at hand."""
        from spondyl.report.preview import preview

        scan = self.scan or Volume(np.full(self.grid.shape, _AIR_HU, np.int16), self.grid)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "preview.png"
            preview(scan, self.spine, path)
            return path.read_bytes()

    @cached_property
    def headers(self) -> Sequence[Any]:
        """Headers, without pixels, of the DICOM series, read once for all files that refer to it.

        Raises:
            ImageError: it is not there or no DICOM, or none of its series lies on the grid.
            MissingDependencyError: the extra ``dicom`` is not installed.
        """
        from spondyl.export.series import headers_of

        return headers_of(self.file, self.grid, self.result.scan.series, named=self.named)

    @cached_property
    def landmarks_png(self) -> bytes | None:
        """Where heights were measured; ``None`` without the scan or without heights."""
        from spondyl.report.landmarks import landmarks_png

        measured = self.spine.measurements
        return None if self.scan is None or measured is None else landmarks_png(self.scan, measured)
