"""The reference system applied to a scan: detect, identify, multiply, take medians.

Faithful to ``measure.py`` of the reference, except where that loses voxels: its tiling leaves
the far edge out, and its identification skips four slices at either side of the scan and the
last detected one. Here every voxel is visited.
"""

from typing import Self

import numpy as np
import numpy.typing as npt

from spondyl.anatomy import name_of
from spondyl.decoding.median import LabelledRegion, aggregate, thresholds
from spondyl.errors import ModelError
from spondyl.inference.engines import Engine, EngineName, Precision, load_engine
from spondyl.inference.steps import StepTimer, on_grid, provenance
from spondyl.inference.tiling import Progress, padded_shape, read_box, walk
from spondyl.models import Model
from spondyl.recipes import recipe_from
from spondyl.recipes.spinefinder import SpinefinderRecipe
from spondyl.recipes.working import to_working
from spondyl.spine import Flag, Spine, Vertebra
from spondyl.volume import Volume

__all__ = ["SpinefinderPipeline"]

_EDGE = 0.0
"""What the networks see outside the scan: the mean of the normalised scan, as in the reference."""

Labels = npt.NDArray[np.uint8]


class SpinefinderPipeline:
    """From a CT to a spine by the two networks of the reference.

    Args:
        detection: ``(n, 1, x, y, z)`` to two channels, background and vertebra.
        identification: ``(n, slices, y, z)`` to one channel, the number of the label.
        recipe: Every constant.
        model: Where the networks come from, for the record.
    """

    def __init__(
        self,
        detection: Engine,
        identification: Engine,
        recipe: SpinefinderRecipe,
        model: Model | None = None,
    ) -> None:
        self.recipe = recipe
        self._detection = detection
        self._identification = identification
        self._model = model

    @classmethod
    def from_model(
        cls,
        model: Model,
        *,
        engine: EngineName = "auto",
        threads: int | None = None,
        precision: Precision = "f32",
    ) -> Self:
        """Load both networks of a model.

        Raises:
            ModelError: the model lacks a network, or is of another recipe.
            MissingDependencyError: the engine is not installed.
        """
        recipe = recipe_from(model.info.recipe, str(model.folder))
        if not isinstance(recipe, SpinefinderRecipe):
            raise ModelError(
                f"{model.folder}: recipe {model.info.recipe['name']!r} found, 'spinefinder' expected"
            )
        detection = load_engine(model, "detection", engine, threads, precision)
        identification = load_engine(model, "identification", engine, threads, precision)
        return cls(detection, identification, recipe, model)

    def __call__(self, volume: Volume, *, progress: Progress | None = None) -> Spine:
        """Find, name and segment the vertebrae.

        Args:
            volume: A CT in HU, any orientation and spacing.
            progress: Called with (pieces done, pieces in all). The number of slices is known
                only after detection, so the total grows once.

        Returns:
            Vertebrae without probabilities (the reference has none), with the mask on the grid
            of ``volume``. Nothing found is an empty spine with the flag ``no_spine``.
            The provenance holds ``tiling`` and ``voxel_counts`` besides what all pipelines give.
        """
        timer = StepTimer()
        with timer("prepare"):
            working = to_working(volume, self.recipe.working)
        with timer("detection"):
            detected = self.detect(working.data, progress)
        with timer("identification"):
            labels = self.identify(working.data, detected, progress)
        del detected
        with timer("decoding"):
            kept, dropped = aggregate(labels, self._thresholds())
            points = working.grid.to_world(np.array([r.median_vox for r in kept]).reshape(-1, 3))
            vertebrae = [Vertebra(r.label, (x, y, z)) for r, (x, y, z) in zip(kept, points, strict=True)]
        with timer("mask"):
            shown = np.zeros(256, np.uint8)
            shown[[r.label for r in kept]] = [r.label for r in kept]
            mask = on_grid(Volume(shown[labels], working.grid), volume.grid)
        return Spine(
            tuple(vertebrae),
            mask,
            flags=tuple(_flags(kept, dropped)),
            provenance={
                **provenance(self._model, self._detection, timer.seconds),
                "tiling": self._tiling(working.grid.shape),
                "voxel_counts": {name_of(r.label): r.count for r in kept},
            },
        )

    def detect(
        self, data: npt.NDArray[np.float32], progress: Progress | None = None
    ) -> npt.NDArray[np.bool_]:
        """Which voxels are vertebra?

        Args:
            data: ``(x, y, z)`` on the working grid, normalised.
            progress: Called with (patches done, patches in all).

        Returns:
            ``(x, y, z)``: where the second channel exceeds the first.
        """
        tiling = self.recipe.detection.tiling
        detected = np.zeros(data.shape, bool)
        pieces = walk(
            self._detection,
            data,
            tiling.patch,
            tiling.step,
            fill=_EDGE,
            batch=self._detection.batch,
            progress=progress,
        )
        for where, (background, vertebra) in pieces:
            detected[where] = vertebra > background
        return detected

    def identify(
        self,
        data: npt.NDArray[np.float32],
        detected: npt.NDArray[np.bool_],
        progress: Progress | None = None,
    ) -> Labels:
        """Which level is each detected voxel?

        Args:
            data: ``(x, y, z)`` on the working grid, normalised.
            detected: ``(x, y, z)``; sagittal slices without a detected voxel are left out, since
                their labels would be multiplied by zero.
            progress: Called with (slices done, slices in all).

        Returns:
            ``(x, y, z)`` VerSe numbers, 0 where nothing is detected or the network's number is
            that of no label.
        """
        spec = self.recipe.identification
        labels = np.zeros(data.shape, np.uint8)
        slices = np.flatnonzero(detected.any(axis=(1, 2)))
        size = [-(-n // spec.pad_multiple) * spec.pad_multiple for n in data.shape[1:]]
        batch = self._identification.batch
        for first in range(0, len(slices), batch):
            group = slices[first : first + batch]
            slabs = [
                read_box(data, (i - spec.slices_before, 0, 0), (spec.slices, *size), _EDGE) for i in group
            ]
            answers = self._identification(np.stack(slabs))[:, 0, : data.shape[1], : data.shape[2]]
            labels[group] = np.where(detected[group], self._verse_numbers(answers), 0)
            if progress is not None:
                progress(first + len(group), len(slices))
        return labels

    def _verse_numbers(self, answers: npt.NDArray[np.float32]) -> Labels:
        """Rounded network output to VerSe numbers; what lies outside the targets becomes 0."""
        table = self.recipe.label_of_target
        targets = np.rint(np.nan_to_num(answers, nan=0.0))
        valid = (targets > 0) & (targets < len(table))
        return table[np.where(valid, targets, 0).astype(np.uint8)]

    def _tiling(self, shape: tuple[int, int, int]) -> dict[str, list[int]]:
        """What the reference prints about its tiles, for the report."""
        spec = self.recipe.detection.tiling
        return {
            "patch": list(spec.patch),
            "step": list(spec.step),
            "shape": list(shape),
            "padded_shape": list(padded_shape(shape, spec.patch, spec.step)),
        }

    def _thresholds(self) -> dict[int, float]:
        spec = self.recipe.aggregation
        return thresholds(
            self.recipe.sizes_by_label,
            size_share=spec.size_share,
            min_voxels=spec.min_voxels,
            spacing_mm=self.recipe.working.spacing_mm,
        )


def _flags(kept: list[LabelledRegion], dropped: list[LabelledRegion]) -> list[Flag]:
    flags = []
    if not kept:
        flags.append(Flag("no_spine", "No vertebra was found in this scan."))
    if dropped:
        names = ", ".join(name_of(region.label) for region in dropped)
        flags.append(Flag("too_small", f"Too few voxels to count as a vertebra: {names}."))
    return flags
