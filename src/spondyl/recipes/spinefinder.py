"""The reference system as data: every constant of McCouat & Glocker 2019 and of its program.

Robert McCouat and Ben Glocker, *Vertebrae Detection and Localization in CT with Two-Stage CNNs and
Dense Annotations*, 2019. ``docs/reference-system.md`` says what differs from the program, and why.
"""

from typing import Annotated, Final, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveInt, field_validator

from spondyl.anatomy import LABEL_OF, NAMES
from spondyl.recipes.base import Spec, TrainingSpec, WorkingSpec

__all__ = [
    "AggregationSpec",
    "DetectionSpec",
    "ElasticSpec",
    "IdentificationSpec",
    "NetworkSpec",
    "SpinefinderRecipe",
    "TilingSpec",
]

_LABELS: Final = ("background", *(NAMES[i] for i in (*range(1, 25), 26, 27)))

_SIZES_MM: Final = {
    "C1": 14.0, "C2": 15.0, "C3": 16.5, "C4": 17.0, "C5": 17.0, "C6": 19.0, "C7": 20.0,
    "T1": 19.3, "T2": 20.0, "T3": 22.0, "T4": 24.0, "T5": 25.0, "T6": 27.0, "T7": 29.0,
    "T8": 31.0, "T9": 33.0, "T10": 32.0, "T11": 33.5, "T12": 34.0, "T13": 34.0,
    "L1": 34.0, "L2": 37.0, "L3": 38.0, "L4": 36.0, "L5": 34.0, "L6": 34.0, "S1": 34.0, "S2": 34.0,
}  # fmt: skip
"""Diameters of the annotation discs. T13 is ours: the reference does not know it."""

_DRAWN_AS: Final = {"L6": "L5", "T13": "T12"}


_Side = Annotated[int, Field(gt=0, multiple_of=16)]
"""Of what a network sees: its levels halve it four times."""


class NetworkSpec(Spec):
    """Shape of a U-Net.

    Attributes:
        width: Channels of the first level; the levels have 1, 2, 4, 8 and 16 times as many.
        batch_norm_momentum: As in Keras: share of the old statistics that is kept at each step.
        missing_activation: Leave out the first ReLU of the fourth level down, as the
            identification network of the original program does.
    """

    width: PositiveInt
    batch_norm_momentum: Annotated[float, Field(ge=0, lt=1)] = 0.1
    missing_activation: bool = False


class ElasticSpec(Spec):
    """Random elastic deformation in the sagittal plane.

    Attributes:
        points: Control points along each axis.
        sigma_vox: Standard deviation of their displacements.
        fill: Normalised value of what comes from outside the scan; also of missing slices of a slab.
    """

    points: Annotated[int, Field(ge=2)] = 3
    sigma_vox: NonNegativeFloat = 7.0
    fill: float = 0.0


class TilingSpec(Spec):
    """How detection walks through a scan.

    Attributes:
        patch: Voxels seen by the network at once.
        step: Distance between patches; the central ``step`` voxels of each patch are kept.
    """

    patch: tuple[_Side, _Side, _Side] = (64, 64, 80)
    step: tuple[PositiveInt, PositiveInt, PositiveInt] = (32, 32, 40)


class DetectionSpec(Spec):
    """Stage 1: which voxels are vertebra?

    Attributes:
        samples_per_scan: Number of samples.
        empty_per_scan: How many of them may hold no vertebra.
        sample_shape: Voxels along x, y, z.
        tries_per_sample: Random positions tried before a scan is left with fewer samples.
        class_weights: Of background and vertebra in the cross-entropy.
        network: The 3-D U-Net.
        training: How it is trained.
        tiling: How it is applied.
    """

    samples_per_scan: PositiveInt = 5
    empty_per_scan: NonNegativeInt = 1
    sample_shape: tuple[_Side, _Side, _Side] = (64, 64, 80)
    tries_per_sample: PositiveInt = 1000
    class_weights: tuple[float, float] = (0.1, 0.9)
    network: NetworkSpec = NetworkSpec(width=16)
    training: TrainingSpec = TrainingSpec(epochs=50, batch_size=16)
    tiling: TilingSpec = TilingSpec()


class IdentificationSpec(Spec):
    """Stage 2: which level is each voxel?

    Attributes:
        samples_per_scan: Number of samples.
        slices: Sagittal slices in a slab, the channels of the network.
        slices_before: Slices of the slab in front of the one whose labels are learnt.
        sample_shape: Pixels along y and z.
        margin_vox: How far to the left and right of the centroids slabs are taken.
        min_labelled_pixels: A crop with more is taken at once.
        crop_tries: Random crops tried; then the one with most labelled pixels is taken.
        tries_per_sample: Slabs tried before a scan is left with fewer samples.
        elastic: The deformation.
        pad_multiple: Slices are padded to multiples of it when the network is applied.
        network: The 2-D U-Net.
        floor_kernel: Kernel of its lowest level along y and z.
        training: How it is trained.
    """

    samples_per_scan: PositiveInt = 100
    slices: PositiveInt = 8
    slices_before: NonNegativeInt = 4
    sample_shape: tuple[_Side, _Side] = (80, 320)
    margin_vox: NonNegativeInt = 15
    min_labelled_pixels: NonNegativeInt = 500
    crop_tries: PositiveInt = 100
    tries_per_sample: PositiveInt = 100
    elastic: ElasticSpec = ElasticSpec()
    pad_multiple: PositiveInt = 16
    network: NetworkSpec = NetworkSpec(width=32, missing_activation=True)
    floor_kernel: tuple[int, int] = (5, 20)
    training: TrainingSpec = TrainingSpec(epochs=35, batch_size=32)


class AggregationSpec(Spec):
    """How labelled voxels become centroids.

    Attributes:
        size_share: A label is kept if its voxel count exceeds
            ``max(size_share * size_mm**3, min_voxels)``.
        min_voxels: See above.
    """

    size_share: NonNegativeFloat = 0.4
    min_voxels: NonNegativeInt = 3000


class SpinefinderRecipe(Spec):
    """The reference system.

    Attributes:
        name: Always ``spinefinder``.
        working: Grid and intensities of the networks.
        labels: Name of each network target; L6 has none of its own.
        drawn_as: Vertebrae that have no target of their own, and whose they take.
        sizes_mm: Disc diameter of each vertebra in the dense annotation.
        seed: Of sampling and training.
        sample_dtype: Type in which samples are saved; ``float16`` halves the disk space.
        detection: Stage 1.
        identification: Stage 2.
        aggregation: From voxels to centroids.
    """

    name: Literal["spinefinder"] = "spinefinder"
    working: WorkingSpec = WorkingSpec()
    labels: tuple[str, ...] = _LABELS
    drawn_as: dict[str, str] = _DRAWN_AS
    sizes_mm: dict[str, float] = _SIZES_MM
    seed: NonNegativeInt = 1
    sample_dtype: Literal["float32", "float16"] = "float32"
    detection: DetectionSpec = DetectionSpec()
    identification: IdentificationSpec = IdentificationSpec()
    aggregation: AggregationSpec = AggregationSpec()

    @field_validator("sizes_mm")
    @classmethod
    def _complete(cls, sizes: dict[str, float]) -> dict[str, float]:
        wrong = sorted(set(sizes) ^ set(LABEL_OF))
        if wrong or min(sizes.values()) <= 0:
            raise ValueError(f"a size above 0 mm for every vertebra expected; unknown or missing: {wrong}")
        return sizes

    @property
    def sizes_by_label(self) -> dict[int, float]:
        """Disc diameters in mm by VerSe number."""
        return {LABEL_OF[name]: size for name, size in self.sizes_mm.items()}

    @property
    def target_of(self) -> npt.NDArray[np.uint8]:
        """``(256,)`` network target of each VerSe number, e.g. ``target_of[mask]``; 0 = background."""
        table = np.zeros(256, np.uint8)
        for label, name in NAMES.items():
            shown = self.drawn_as.get(name, name)
            table[label] = self.labels.index(shown) if shown in self.labels else 0
        return table

    @property
    def label_of_target(self) -> npt.NDArray[np.uint8]:
        """``(len(labels),)`` VerSe number of each network target; 0 = background."""
        return np.array([LABEL_OF.get(name, 0) for name in self.labels], np.uint8)
