"""What ``model.json`` says."""

from typing import Annotated, Any, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

__all__ = ["SCHEMA_VERSION", "ModelInfo", "Stage", "StageInfo"]

SCHEMA_VERSION: Final = 1
"""Version of ``model.json``; raised when an older program could not read it."""

Stage = Literal["detection", "identification", "segmentation"]

FileName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]*$")]  # never a path out of the folder


class StageInfo(BaseModel):
    """One network of a model.

    Attributes:
        architecture: ``name`` of the network class and its arguments, enough to build it again.
        weights: Name of the safetensors file.
        onnx: Name of the ONNX file, if there is one.
        sha256: File name to hexadecimal hash, filled in by :func:`write_model`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    architecture: dict[str, Any]
    weights: FileName
    onnx: FileName | None = None
    sha256: dict[str, str] = {}

    @property
    def files(self) -> tuple[str, ...]:
        """Names of the stage's files."""
        return (self.weights,) if self.onnx is None else (self.weights, self.onnx)


class ModelInfo(BaseModel):
    """The content of ``model.json``.

    Attributes:
        schema_version: :data:`SCHEMA_VERSION` of the program that wrote it.
        recipe: The recipe the networks were trained by; its ``name`` chooses the pipeline.
        stages: The networks.
        labels: Names by network number, ``labels[0]`` being the background.
        spacing_mm: Voxel size the networks expect, along x, y, z.
        provenance: What made the model: data, program version, date, duration (JSON values).
        scores: What it was measured to achieve, and on which data (JSON values).
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    schema_version: int = SCHEMA_VERSION
    recipe: dict[str, Any]
    stages: dict[Stage, StageInfo] = Field(min_length=1)
    labels: tuple[str, ...]
    spacing_mm: tuple[float, float, float]
    provenance: dict[str, Any] = {}
    scores: dict[str, Any] = {}

    @model_validator(mode="after")
    def _recipe_has_a_name(self) -> Self:
        if not (isinstance(self.recipe.get("name"), str) and self.recipe["name"]):
            raise ValueError("recipe needs a name")
        return self
