"""The default recipe: everything that defines the ``spondyl`` system, as data."""

from typing import Annotated, Final, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    NonNegativeFloat,
    PositiveInt,
    field_validator,
    model_validator,
)

__all__ = ["OFFSET_UNIT_MM", "AugmentationSettings", "SpondylRecipe", "StageSettings", "TrainingSettings"]

OFFSET_UNIT_MM: Final = 10.0
"""What a network calls 1 in its ways to the centroids."""


_Chance = Annotated[float, Field(ge=0, le=1)]
_Windows = tuple[tuple[float, float], ...]


class _Settings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class StageSettings(_Settings):
    """One network: what it sees and how big it is."""

    spacing_mm: float = Field(gt=0.5, le=8)
    patch_vox: tuple[PositiveInt, PositiveInt, PositiveInt]
    """Training patch (right-left, back-front, feet-head); multiples of ``2 ** (len(widths) - 1)``."""
    widths: Annotated[tuple[PositiveInt, ...], Field(min_length=3)]
    offsets: bool
    """Predict the way from each voxel to its vertebra's centroid (3 more full-resolution channels)."""
    levels: bool
    """Predict the level (28 half-resolution channels, VerSe numbers 1..28)."""
    heat: bool = True
    """Learn where the centres of bodies are; without, that output means nothing."""
    vertebra_weight: float = Field(default=1.0, gt=0)
    """Of *is this vertebra* in the loss; everything else has 1."""

    @model_validator(mode="after")
    def _patch_fits_the_network(self) -> Self:
        step = 2 ** (len(self.widths) - 1)
        if any(size % step for size in self.patch_vox):
            raise ValueError(f"with {len(self.widths)} widths, patch_vox must be multiples of {step}")
        return self


class AugmentationSettings(_Settings):
    """Ranges of the random changes; probabilities 0-1, lengths in mm, HU where said."""

    rotation_deg: NonNegativeFloat = 12.0
    scale: tuple[float, float] = (0.82, 1.22)
    stretch: NonNegativeFloat = 0.06
    elastic_mm: NonNegativeFloat = 4.0
    mirror: _Chance = 0.5
    field_of_view: _Chance = 0.35
    hu_gain: NonNegativeFloat = 0.12
    hu_shift: NonNegativeFloat = 25.0
    gamma: NonNegativeFloat = 0.05
    noise_hu: NonNegativeFloat = 60.0
    blur: _Chance = 0.3
    thick_slices: _Chance = 0.3
    recolour: _Chance = 0.3

    @field_validator("scale")
    @classmethod
    def _from_small_to_large(cls, scale: tuple[float, float]) -> tuple[float, float]:
        if not 0 < scale[0] <= scale[1]:
            raise ValueError("the smallest and the largest factor, above 0, expected")
        return scale


class TrainingSettings(_Settings):
    """How one network is trained."""

    iterations: int = Field(default=12000, gt=0)
    batch_size: int = Field(default=2, gt=0)
    """Patches seen together, by each process."""
    accumulate: int = Field(default=1, gt=0)
    """How many such batches make one iteration."""
    precision: Literal["f32", "bf16"] = "bf16"
    """Arithmetic of the forward pass; weights and their updates are always f32."""
    learning_rate: NonNegativeFloat = 2e-3
    weight_decay: NonNegativeFloat = 1e-3
    warmup: int = Field(default=200, ge=0)
    ema: float = Field(default=0.998, ge=0, lt=1)
    phantoms: int = Field(default=60, ge=0)
    """How many phantoms are made, from ``seed`` on."""
    phantom_share: float = Field(default=0.4, ge=0, le=1)
    gradient_clip: float = Field(default=2.0, gt=0)
    seed: int = Field(default=1, ge=0)


class SpondylRecipe(_Settings):
    """The default system: two stages that find and name, and a third that draws the mask finely."""

    name: Literal["spondyl"] = "spondyl"
    detection: StageSettings = StageSettings(
        spacing_mm=4.5, patch_vox=(48, 48, 80), widths=(8, 24, 48, 64), offsets=False, levels=False
    )
    identification: StageSettings = StageSettings(
        spacing_mm=3.0, patch_vox=(48, 48, 112), widths=(8, 32, 64, 96, 128), offsets=True, levels=True
    )
    segmentation: StageSettings = StageSettings(
        spacing_mm=1.5, patch_vox=(64, 80, 80), widths=(8, 24, 48, 64, 96), offsets=True, levels=False,
        heat=False, vertebra_weight=3.0,
    )  # fmt: skip
    """Only used by models that have this network; the others draw their masks from identification."""
    augmentation: AugmentationSettings = AugmentationSettings()
    training: TrainingSettings = TrainingSettings()
    hu_windows: Annotated[_Windows, Field(min_length=1)] = ((-1000.0, 400.0), (0.0, 1200.0))
    """Each input channel clips HU to one window and maps it to 0..1."""

    @field_validator("hu_windows")
    @classmethod
    def _from_dark_to_bright(cls, windows: _Windows) -> _Windows:
        if any(low >= high for low, high in windows):
            raise ValueError("in each window the lower HU comes first")
        return windows

    def stage(self, name: str) -> StageSettings:
        """Settings of ``"detection"``, ``"identification"`` or ``"segmentation"``."""
        stages = {
            "detection": self.detection,
            "identification": self.identification,
            "segmentation": self.segmentation,
        }
        return stages[name]
