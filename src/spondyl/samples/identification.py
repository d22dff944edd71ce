"""Samples for stage 2: sagittal slabs, deformed, with the level of each pixel of one slice."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from spondyl.augment.elastic import ElasticDeformation
from spondyl.recipes.spinefinder import IdentificationSpec, SpinefinderRecipe
from spondyl.samples.detection import pad_behind
from spondyl.samples.making import Sample, ScanOutcome, make_samples
from spondyl.spine import Spine
from spondyl.volume import Volume

__all__ = ["deform_and_crop", "draw_identification_samples", "make_identification_samples"]


def make_identification_samples(
    dataset: Path | str,
    out: Path | str,
    recipe: SpinefinderRecipe,
    *,
    workers: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> list[ScanOutcome]:
    """Make the identification samples of a data set; see :func:`spondyl.samples.making.make_samples`."""
    wanted = recipe.identification.samples_per_scan
    return make_samples(
        dataset, out, recipe, draw_identification_samples, wanted, workers=workers, progress=progress
    )


def draw_identification_samples(
    working: Volume,
    labels: Volume,
    spine: Spine,
    recipe: SpinefinderRecipe,
    rng: np.random.Generator,
) -> Iterator[Sample]:
    """Slabs near the centroids, elastically deformed in their plane, padded and cropped.

    Args:
        working: Normalised intensities.
        labels: VerSe numbers on the same grid.
        spine: The annotation, RAS+ mm.
        recipe: Its constants.
        rng: Source of randomness.

    Yields:
        Intensities ``(slices, y, z)`` float32 and the network targets ``(y, z)`` uint8 of slice
        ``slices_before`` of the slab. Fewer than asked for if no slab qualifies within the bounded
        number of tries.
    """
    spec = recipe.identification
    targets = recipe.target_of[labels.data]
    first, last = _range_of_cuts(working, spine, spec)
    for _ in range(spec.samples_per_scan):
        for _ in range(spec.tries_per_sample):
            cut = int(rng.integers(first, last + 1))
            start, stop = cut - spec.slices_before, cut - spec.slices_before + spec.slices
            if not _several_values(targets[max(start, 0) : stop]):
                continue
            slab = _slab(working.data, start, stop, spec.elastic.fill)
            sample = deform_and_crop(slab, targets[cut], recipe, rng)
            if sample is not None:
                yield sample
                break


def _range_of_cuts(working: Volume, spine: Spine, spec: IdentificationSpec) -> tuple[int, int]:
    """First and last sagittal slice whose labels may become a sample."""
    across = np.round(working.grid.to_voxel(spine.centroids_mm)[:, 0])
    ends = np.array([across.min() - spec.margin_vox, across.max() + spec.margin_vox])
    first, last = np.clip(ends, 0, working.grid.shape[0] - 1).astype(int)
    return int(first), int(last)


def _several_values(targets: npt.NDArray[np.uint8]) -> bool:
    return bool(targets.min() != targets.max())


def _slab(data: npt.NDArray[np.float32], start: int, stop: int, fill: float) -> npt.NDArray[np.float32]:
    """Slices ``start:stop``; those outside the scan are ``fill``."""
    inner = data[max(start, 0) : stop]
    short = ((max(-start, 0), max(stop - len(data), 0)), (0, 0), (0, 0))
    return np.pad(inner, short, constant_values=fill) if np.any(short) else inner


def deform_and_crop(
    slab: npt.NDArray[np.float32],
    targets: npt.NDArray[np.uint8],
    recipe: SpinefinderRecipe,
    rng: np.random.Generator,
) -> Sample | None:
    """One sample from a slab, or ``None`` if no labelled pixel was met.

    Args:
        slab: ``(slices, y, z)`` normalised intensities.
        targets: ``(y, z)`` network targets of one of its slices.
        recipe: Its constants.
        rng: Source of randomness.
    """
    spec = recipe.identification
    elastic = ElasticDeformation.sample(rng, spec.elastic.points, spec.elastic.sigma_vox)
    index, inside = elastic.source(targets.shape)
    deformed = pad_behind(np.where(inside, targets.reshape(-1)[index], np.uint8(0)), spec.sample_shape, 0)
    box = _crop(deformed, spec, rng)
    if box is None:
        return None
    # Only what stays is deformed in all slices.
    image = slab.reshape(len(slab), -1)[:, index[box]]
    image = np.where(inside[box], image, np.float32(spec.elastic.fill))
    padded = pad_behind(image, (len(slab), *spec.sample_shape), recipe.working.padding)
    return padded, deformed[box]


def _crop(
    targets: npt.NDArray[Any], spec: IdentificationSpec, rng: np.random.Generator
) -> tuple[slice, ...] | None:
    """The first random crop with enough labelled pixels, else the best one tried."""
    room = np.array(targets.shape) - spec.sample_shape
    best, most = None, 0
    for _ in range(spec.crop_tries):
        corner = np.round(room * rng.random(2)).astype(int)
        box = tuple(slice(int(c), int(c) + n) for c, n in zip(corner, spec.sample_shape, strict=True))
        count = int(np.count_nonzero(targets[box]))
        if count > most:
            best, most = box, count
        if most > spec.min_labelled_pixels or not room.any():
            break
    return best
