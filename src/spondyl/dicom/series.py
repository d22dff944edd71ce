"""What a series is, before its pixels are read."""

import re
import unicodedata
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

from spondyl.dicom.geometry import Stack

__all__ = ["SeriesInfo"]


@dataclass(frozen=True, eq=False)
class SeriesInfo:
    """One series of a study. Nothing in it names the patient, unless its description does.

    Attributes:
        study_uid: Study Instance UID.
        uid: Series Instance UID; empty where files have none.
        number: Series number.
        description: Series description, or empty.
        modality: E.g. ``"CT"``.
        images: Number of files.
        kernel: Convolution kernel, or empty.
        original: Whether it came from the scanner's reconstruction, not from other pictures.
        thickness_mm: Slice thickness, if known.
        problem: Why it cannot be read, or empty.
        stack: How its slices lie; ``None`` with a problem.
        path: First file; or the archive that holds it. Read alone, it stands for the series.
        patient: Tells patients apart, means nothing else.
    """

    study_uid: str
    uid: str
    number: int
    description: str
    modality: str
    images: int
    kernel: str
    original: bool
    thickness_mm: float | None
    problem: str
    stack: Stack | None = field(repr=False)
    path: Path
    patient: str = field(repr=False)

    @property
    def title(self) -> str:
        """How messages call it: number, description, UID."""
        named = f" {self.description!r}" if self.description else ""
        return f"series {self.number}{named} ({self.uid or 'without UID'})"

    @property
    def name(self) -> str:
        """A name for its folder of results, from its description and UID: ``"bone-1mm-3f2a9c1d"``."""
        plain = unicodedata.normalize("NFKD", self.description).encode("ascii", "ignore").decode()
        words = re.findall(r"[a-z0-9]+", plain.lower())
        ending = [sha256(self.uid.encode()).hexdigest()[:8]] if self.uid else []
        return "-".join([*(words or ["ct"]), *ending])

    @property
    def notes(self) -> tuple[str, ...]:
        """What reading it leaves out, bridges or moves."""
        return () if self.stack is None else self.stack.notes

    @property
    def step_mm(self) -> float:
        """Distance of the slices; infinite with a problem."""
        return float("inf") if self.stack is None else self.stack.grid.spacing_mm[2]

    @property
    def height_mm(self) -> float:
        """How much of the patient it covers from head to foot; 0 with a problem."""
        if self.stack is None:
            return 0.0
        grid = self.stack.grid
        return float(sum(abs(grid.affine[2, axis]) * grid.shape[axis] for axis in range(3)))
