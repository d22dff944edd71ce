"""Corrections by hand in ``result.json``, and what the model said before them."""

from pydantic import Field

from spondyl.result_measurements import Measurements
from spondyl.result_parts import FoundVertebra, OtherNumbering, Part, PointMm, ProgramInfo, Remark

__all__ = ["Answer", "Correction"]


class Answer(Part):
    """What the model said, before anybody corrected it."""

    vertebrae: tuple[FoundVertebra, ...]
    numbering_probability: float | None = Field(ge=0, le=1)
    alternatives: tuple[OtherNumbering, ...] = ()
    flags: tuple[Remark, ...] = ()
    measurements: Measurements | None = None


class Correction(Part):
    """A correction by hand; names are those before it."""

    what: str = Field(description="As it was asked for, e.g. shift by 1, T12=L1, or delete L5.")
    renamed: dict[str, str] = Field(description="Every name that changed: before to after.")
    moved: dict[str, PointMm] = Field({}, description="Centroids put elsewhere: name to RAS+ mm.")
    removed: tuple[str, ...] = Field((), description="Vertebrae taken out, with their voxels.")
    added: dict[str, PointMm] = Field(
        {}, description="Vertebrae put in, without voxels of their own: name to RAS+ mm."
    )
    counting: tuple[str, ...] = Field((), description="Which of T13 and L6 were counted as levels.")
    when: str = Field(description="Date and time, ISO 8601, UTC.")
    program: ProgramInfo
