"""What ``result.json`` is made of; see :mod:`spondyl.result`."""

from typing import Self

from pydantic import BaseModel, ConfigDict, Field

from spondyl.flag import Flag
from spondyl.spine import Vertebra
from spondyl.volume import Grid

__all__ = [
    "FoundVertebra",
    "OtherNumbering",
    "Part",
    "PointMm",
    "ProgramInfo",
    "Remark",
    "Scan",
    "UsedEngine",
    "UsedModel",
]

PointMm = tuple[float, float, float]


class Part(BaseModel):
    """A part of the file: unknown keys are refused, and nothing can be changed in place."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class ProgramInfo(Part):
    """The program that wrote the file."""

    name: str = "spondyl"
    version: str = Field(description="Version of the program, e.g. 0.1.0.")


class UsedModel(Part):
    """The model that was used."""

    name: str = Field(description="Name of the model folder.")
    schema_version: int = Field(description="Version of its model.json.")
    recipe: str = Field(description="Recipe it was trained by: spondyl, spinefinder ...")
    sha256: dict[str, str] = Field(description="Hash of each of its files; tells one training from another.")
    fingerprint: str | None = Field(
        None, description="One hash of recipe, labels, spacing and files; null in files of early versions."
    )


class UsedEngine(Part):
    """What ran the networks."""

    name: str = Field(description="openvino, onnxruntime or torch.")
    device: str = Field(description="cpu or cuda.")
    precision: str = Field(description="f32 or bf16: what the networks really computed in.")


class Scan(Part):
    """The scan, as stored on disk."""

    file: str | None = Field(description="Name of the scan's file, without its folder.")
    path: str | None = Field(
        None, description="Way from the folder of this file to the scan, so that it can be found again."
    )
    sha256: str | None = Field(
        None, description="Hash of the scan's content, by which a later run knows it again; null: unknown."
    )
    series: str | None = Field(
        None,
        description="Series Instance UID of a DICOM series, which tells it from others in the same place.",
    )
    shape: tuple[int, int, int] = Field(description="Voxels along each stored axis.")
    spacing_mm: PointMm = Field(description="Voxel size along each stored axis.")
    orientation: str = Field(description="Direction in which each stored axis grows, e.g. LPS.")
    affine: tuple[tuple[float, float, float, float], ...] = Field(
        min_length=4, max_length=4, description="4 x 4 matrix, rows first: voxel indices to RAS+ mm."
    )

    @classmethod
    def of(
        cls,
        grid: Grid,
        file: str | None,
        path: str | None = None,
        sha256: str | None = None,
        series: str | None = None,
    ) -> Self:
        """Describe a grid."""
        return cls(
            file=file,
            path=path,
            sha256=sha256,
            series=series,
            shape=grid.shape,
            spacing_mm=grid.spacing_mm,
            orientation=grid.codes,
            affine=tuple((a, b, c, d) for a, b, c, d in grid.affine.tolist()),
        )


class Remark(Part):
    """Something to know before trusting a result."""

    code: str = Field(description="A stable word for programs, e.g. partly_visible.")
    message: str = Field(description="The same for people, one plain sentence.")

    @classmethod
    def of(cls, flag: Flag) -> Self:
        """Describe a flag."""
        return cls(code=flag.code, message=flag.message)

    def to_flag(self) -> Flag:
        """The flag it describes."""
        return Flag(self.code, self.message)


class FoundVertebra(Part):
    """One vertebra."""

    name: str = Field(description="C1-C7, T1-T13, L1-L6, S1 or S2.")
    label: int = Field(ge=1, le=28, description="VerSe number, the value in the mask.")
    centroid_mm: PointMm = Field(description="Centre of the vertebral body: x, y, z in RAS+ mm.")
    probability: float | None = Field(
        ge=0, le=1, description="How likely the name is right; null where the recipe gives none."
    )
    flags: tuple[Remark, ...] = ()

    @classmethod
    def of(cls, vertebra: Vertebra) -> Self:
        """Describe a vertebra; its place is rounded to micrometres."""
        x, y, z = (round(value, 3) for value in vertebra.centroid_mm)
        return cls(
            name=vertebra.name,
            label=vertebra.label,
            centroid_mm=(x, y, z),
            probability=vertebra.probability,
            flags=tuple(map(Remark.of, vertebra.flags)),
        )

    def to_vertebra(self) -> Vertebra:
        """The vertebra it describes."""
        flags = tuple(remark.to_flag() for remark in self.flags)
        return Vertebra(self.label, self.centroid_mm, self.probability, flags)


class OtherNumbering(Part):
    """Another way to number the vertebrae."""

    names: tuple[str | None, ...] = Field(
        description="Names, in the order of the vertebrae above; null where there is none by this numbering."
    )
    probability: float = Field(ge=0, le=1)
    description: str = Field(description="In words, e.g. one level lower.")
