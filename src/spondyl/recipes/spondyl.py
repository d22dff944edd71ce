"""The default recipe: everything that defines the ``spondyl`` system, as data."""

from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["OFFSET_UNIT_MM", "AugmentationSettings", "SpondylRecipe", "StageSettings", "TrainingSettings"]

OFFSET_UNIT_MM: Final = 10.0
"""What a network calls 1 in its ways to the centroids."""


class _Settings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class StageSettings(_Settings):
    """One network: what it sees and how big it is."""

    spacing_mm: float = Field(gt=0.5, le=8)
    patch_vox: tuple[int, int, int]
    """Training patch (right-left, back-front, feet-head); multiples of ``2 ** (len(widths) - 1)``."""
    widths: tuple[int, ...]
    offsets: bool
    """Predict the way from each voxel to its vertebra's centroid (3 more full-resolution channels)."""
    levels: bool
    """Predict the level (28 half-resolution channels, VerSe numbers 1..28)."""
    heat: bool = True
    """Learn where the centres of bodies are; without, that output means nothing."""
    vertebra_weight: float = Field(default=1.0, gt=0)
    """Of *is this vertebra* in the loss; everything else has 1."""


class AugmentationSettings(_Settings):
    """Ranges of the random changes; probabilities 0-1, lengths in mm, HU where said."""

    rotation_deg: float = 12.0
    scale: tuple[float, float] = (0.82, 1.22)
    stretch: float = 0.06
    elastic_mm: float = 4.0
    mirror: float = 0.5
    field_of_view: float = 0.35
    hu_gain: float = 0.12
    hu_shift: float = 25.0
    gamma: float = 0.05
    noise_hu: float = 60.0
    blur: float = 0.3
    thick_slices: float = 0.3
    recolour: float = 0.3


class TrainingSettings(_Settings):
    """How one network is trained."""

    iterations: int = Field(default=12000, gt=0)
    batch_size: int = Field(default=2, gt=0)
    """Patches seen together, by each process."""
    accumulate: int = Field(default=1, gt=0)
    """How many such batches make one iteration."""
    precision: Literal["f32", "bf16"] = "bf16"
    """Arithmetic of the forward pass; weights and their updates are always f32."""
    learning_rate: float = 2e-3
    weight_decay: float = 1e-3
    warmup: int = 200
    ema: float = 0.998
    phantoms: int = Field(default=60, ge=0)
    """How many phantoms are made, from ``seed`` on."""
    phantom_share: float = Field(default=0.4, ge=0, le=1)
    gradient_clip: float = 2.0
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
    hu_windows: tuple[tuple[float, float], ...] = ((-1000.0, 400.0), (0.0, 1200.0))
    """Each input channel clips HU to one window and maps it to 0..1."""

    def stage(self, name: str) -> StageSettings:
        """Settings of ``"detection"``, ``"identification"`` or ``"segmentation"``."""
        stages = {
            "detection": self.detection,
            "identification": self.identification,
            "segmentation": self.segmentation,
        }
        return stages[name]
