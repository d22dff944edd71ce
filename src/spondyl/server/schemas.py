"""What the server answers with, and what corrections look like."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from spondyl.server.store import Case, State

__all__ = ["CaseInfo", "Correcting", "ServerInfo", "Told", "tag_of"]

Name = Annotated[str, Field(max_length=8, description="C1-C7, T1-T13, L1-L6, S1 or S2.")]
Millimetre = Annotated[float, Field(ge=-100_000, le=100_000, allow_inf_nan=False)]
PointMm = Annotated[tuple[Millimetre, Millimetre, Millimetre], Field(description="x, y, z in RAS+ mm.")]


def tag_of(revision: int) -> str:
    """The ETag of a result."""
    return f'"{revision}"'


class Told(BaseModel):
    """Something to know before trusting a result."""

    code: str
    message: str


class CaseInfo(BaseModel):
    """A case, as lists and events show it."""

    id: str
    name: str
    state: State
    progress: float = Field(ge=0, le=1)
    step: str | None = Field(description="What is being done, while it runs.")
    position: int | None = Field(description="Place in the queue, 1 = next, while it waits.")
    created: str = Field(description="ISO 8601, UTC.")
    finished: str | None = Field(description="The same, once it is done, failed or cancelled.")
    error: str | None = Field(description="Why it failed.")
    vertebrae: list[str] = Field(description="Names, head to foot.")
    numbering_probability: float | None = Field(
        description="How likely all names are right; null where unknown, and once names were corrected."
    )
    flags: list[Told]
    corrected: bool = Field(description="Whether a hand corrected it.")
    undo: int = Field(description="Corrections that can be taken back.")
    redo: int = Field(description="Corrections taken back that can be made again.")
    revision: int = Field(description="Of the result; its ETag, without the quotes.")

    @classmethod
    def of(cls, case: Case, position: int | None) -> "CaseInfo":
        """Describe a case."""
        return cls(
            id=case.id,
            name=case.name,
            state=case.state,
            progress=case.progress,
            step=case.step,
            position=position,
            created=case.created,
            finished=case.finished,
            error=case.error,
            vertebrae=list(case.vertebrae),
            numbering_probability=case.numbering_probability,
            flags=[Told(**flag) for flag in case.flags],
            corrected=case.corrections > 0,
            undo=case.corrections,
            redo=len(case.undone),
            revision=case.revision,
        )


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Relabel(_Body):
    """A vertebra gets another name; the others keep their distance, unless it is alone."""

    kind: Literal["relabel"]
    vertebra: Name
    name: Name
    only: bool = Field(False, description="Leave the others alone.")


class Renumber(_Body):
    """Every vertebra gets its name, as in one of the other numberings of a result."""

    kind: Literal["renumber"]
    names: tuple[Name | None, ...] = Field(
        description="As many as there are vertebrae, head to foot; null for what is none, which is deleted."
    )


class Shift(_Body):
    """Every vertebra gets another name."""

    kind: Literal["shift"]
    by: int = Field(ge=-27, le=27, description="Levels towards the feet; negative: towards the head.")


class Move(_Body):
    """A centroid is put elsewhere; the mask stays."""

    kind: Literal["move"]
    vertebra: Name
    centroid_mm: PointMm


class Delete(_Body):
    """A vertebra that is none, with its voxels."""

    kind: Literal["delete"]
    vertebra: Name


class Add(_Body):
    """A vertebra that was missed; it gets no voxels."""

    kind: Literal["add"]
    name: Name
    centroid_mm: PointMm


Correcting = Annotated[Relabel | Renumber | Shift | Move | Delete | Add, Field(discriminator="kind")]


class Level(BaseModel):
    """A vertebra there can be."""

    name: str
    label: int = Field(description="VerSe number, the value in masks.")
    colour: str = Field(description="As in every picture of the program, #rrggbb.")


class ExportFormat(BaseModel):
    """A kind of file a result can be had as."""

    name: str = Field(description="The word for formats=.")
    file: str = Field(description="Name of the file or folder.")
    about: str


class ServerInfo(BaseModel):
    """What this server is and takes."""

    version: str
    model: str = Field(description="Name of the model.")
    cases: dict[str, int] = Field(description="How many are in each state.")
    max_upload_mb: int
    max_files: int
    dicom: bool = Field(description="Whether DICOM series can be read.")
    formats: list[ExportFormat]
    levels: list[Level] = Field(description="Head to foot.")
