"""Annotated scans prepared for training: small arrays on one grid, everything precomputed.

A :class:`TrainingCase` holds image, labels and body-centre heat on one isotropic RAS lattice, so
that drawing a training patch is one interpolation. Scans with a true mask use it; the others get
labels from their centroids: the inside of each vertebral body is that vertebra, what could be other
parts of it is *unknown* and left out of the loss, the rest is background.
"""

import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from zipfile import BadZipFile

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from spondyl.anatomy import RANK
from spondyl.errors import SampleError
from spondyl.io.atomic import atomic_path
from spondyl.spine import Spine
from spondyl.volume import Grid, Volume

__all__ = ["UNKNOWN", "TrainingCase", "prepare_case", "read_case", "write_case"]

UNKNOWN: Final = 255
AIR_HU: Final = -1024.0

_HEAT_SIGMA_MM = 4.5
_BONE_HU = 130.0
_NEAR_MM = 60.0  # posterior elements and rib heads lie within this of the centroid
_BODY_SHARE = 0.36  # half height of a body as a share of the step to the next centroid
_BODY_RADIUS_MM = {"C": 7.0, "T": 11.0, "L": 16.0, "S": 14.0}
_RIM_MM = 12.0  # around that inside lies the rest of the body, in old patients no brighter than muscle
_RIM_SHARE = 0.45


@dataclass(frozen=True, eq=False)
class TrainingCase:
    """One scan ready for drawing patches.

    Attributes:
        name: Of the scan.
        image: ``(x, y, z)`` int16, HU.
        labels: ``(x, y, z)`` uint8, VerSe numbers, 0 background, :data:`UNKNOWN`.
        heat: ``(x, y, z)`` uint8, 255 at a body centre, a Gaussian around it.
        centroids_mm: ``(29, 3)`` RAS mm by VerSe number, NaN where absent.
        tissues: ``(x, y, z)`` uint8 tissue map of a phantom, or ``None``.
        grid: The lattice of all arrays.
        exact: Labels come from a true mask.
    """

    name: str
    image: npt.NDArray[np.int16]
    labels: npt.NDArray[np.uint8]
    heat: npt.NDArray[np.uint8]
    centroids_mm: npt.NDArray[np.float64]
    tissues: npt.NDArray[np.uint8] | None
    grid: Grid
    exact: bool


def prepare_case(
    name: str, scan: Volume, spine: Spine, tissues: Volume | None = None, *, spacing_mm: float = 2.0
) -> TrainingCase:
    """Resample one annotated scan and work out its labels.

    Args:
        name: Of the scan.
        scan: HU, any grid.
        spine: Its annotation, with a mask if there is one.
        tissues: Tissue numbers of a phantom.
        spacing_mm: Of the lattice.

    Raises:
        SampleError: no vertebra is annotated, or none inside the scan.
    """
    if not len(spine):
        raise SampleError(f"{name}: no vertebra is annotated, so nothing can be learned from it")
    places = scan.grid.to_voxel(spine.centroids_mm)
    if not ((places > -0.5) & (places < np.array(scan.grid.shape) - 0.5)).all(axis=1).any():
        raise SampleError(f"{name}: no annotated vertebra lies inside the scan; centroids of another scan?")
    scan = scan.reoriented("RAS")
    grid = scan.grid.resampled(spacing_mm)
    image = _smoothed_for(scan, spacing_mm).resampled(grid, fill=AIR_HU)
    centroids_mm = np.full((29, 3), np.nan)
    for vertebra in spine:
        centroids_mm[vertebra.label] = vertebra.centroid_mm
    labels = _labels(image.data, grid, spine)
    own_tissues = None if tissues is None else tissues.reoriented("RAS").resampled(grid, order=0).data
    return TrainingCase(
        name,
        np.clip(np.round(image.data), -1024, 3071).astype(np.int16),
        labels,
        _heat(grid, spine),
        centroids_mm,
        own_tissues,
        grid,
        spine.mask is not None,
    )


def _smoothed_for(scan: Volume, spacing_mm: float) -> Volume:
    """Blur the axes that will be sampled more coarsely, so that they do not alias."""
    ratios = spacing_mm / np.array(scan.grid.spacing_mm)
    sigmas = np.where(ratios > 1, 0.4 * np.sqrt(np.maximum(ratios**2 - 1, 0)), 0)
    if not sigmas.any():
        return scan
    data = ndimage.gaussian_filter(scan.data.astype(np.float32), sigmas, mode="nearest", truncate=3)
    return Volume(data, scan.grid)


def _heat(grid: Grid, spine: Spine) -> npt.NDArray[np.uint8]:
    """Gaussians of height 255 at the centroids; the largest wins where they meet."""
    heat = np.zeros(grid.shape, np.float32)
    spacing_mm = grid.spacing_mm[0]
    reach = int(np.ceil(3 * _HEAT_SIGMA_MM / spacing_mm))
    for centre in grid.to_voxel(spine.centroids_mm):
        start = np.maximum(np.round(centre).astype(int) - reach, 0)
        stop = np.minimum(np.round(centre).astype(int) + reach + 1, grid.shape)
        if (start >= stop).any():
            continue
        axes = [np.arange(a, b) - c for a, b, c in zip(start, stop, centre, strict=True)]
        squares = sum(np.square(a) for a in np.meshgrid(*axes, indexing="ij"))
        blob = np.exp(-squares * spacing_mm**2 / (2 * _HEAT_SIGMA_MM**2))
        box = tuple(slice(a, b) for a, b in zip(start, stop, strict=True))
        heat[box] = np.maximum(heat[box], blob)
    return np.round(255 * heat).astype(np.uint8)


def _labels(image: npt.NDArray[np.float32], grid: Grid, spine: Spine) -> npt.NDArray[np.uint8]:
    """Label map from the true mask where there is one, else from the centroids."""
    labels = np.zeros(grid.shape, np.uint8)
    if spine.mask is not None:
        exact = spine.mask.reoriented("RAS").resampled(grid, order=0).data
        labels[...] = np.where(RANK_ARRAY[exact] >= RANK[26], UNKNOWN, exact)
        painted = [label for label in spine.labels if label in (26, 27)]
    else:
        _mark_unknown(labels, image, grid, spine)
        painted = list(spine.labels)
    for label in painted:
        _paint_body(labels, grid, spine, label, label)
    return labels


RANK_ARRAY: Final = np.array([RANK.get(label, -1) for label in range(256)], np.int16)


def _mark_unknown(
    labels: npt.NDArray[np.uint8], image: npt.NDArray[np.float32], grid: Grid, spine: Spine
) -> None:
    """Mark as unknown bone near the spine, and what lies beyond the annotated levels.

    Vertebrae less than half inside the field of view are not annotated, so the ends prove
    nothing, except above C1.
    """
    first, last, tangents = spine.vertebrae[0], spine.vertebrae[-1], _tangents(spine)
    for box in _boxes(grid, spine, _NEAR_MM):
        bone = image[box] > _BONE_HU
        labels[box][bone] = UNKNOWN
    for label in spine.labels:
        _paint_body(labels, grid, spine, label, UNKNOWN, rim_mm=_RIM_MM, share=_RIM_SHARE)
    for vertebra, outward, guilty in (
        (first, tangents[0], first.label != 1),
        (last, -tangents[-1], True),
    ):
        if not guilty:
            continue
        for box in _boxes(grid, Spine((vertebra,)), 2 * _NEAR_MM):
            points = _positions(grid, box) - np.array(vertebra.centroid_mm)
            along = points @ outward
            aside = np.linalg.norm(points - along[..., None] * outward, axis=-1)
            beyond = (along > 5) & (aside < 40)
            labels[box][beyond] = UNKNOWN


def _paint_body(
    labels: npt.NDArray[np.uint8],
    grid: Grid,
    spine: Spine,
    label: int,
    value: int,
    *,
    rim_mm: float = 0.0,
    share: float = _BODY_SHARE,
) -> None:
    """Paint the inside of one vertebral body, or more of it: a short cylinder along the spine."""
    place = spine.labels.index(label)
    centre, tangent = spine.centroids_mm[place], _tangents(spine)[place]
    radius = _BODY_RADIUS_MM[spine.vertebrae[place].name[0]] + rim_mm
    half = share * _step_mm(spine, place)
    for box in _boxes(grid, Spine((spine.vertebrae[place],)), radius + half):
        points = _positions(grid, box) - centre
        along = points @ tangent
        aside = np.linalg.norm(points - along[..., None] * tangent, axis=-1)
        # The dens and the ring of C1 are no cylinder: a ball around the centroid is safe there.
        inside = (np.abs(along) < half) & (aside < radius)
        labels[box][inside] = value


def _step_mm(spine: Spine, place: int) -> float:
    """Distance to the nearer neighbouring centroid; a usual value when there is none."""
    points = spine.centroids_mm
    neighbours = [n for n in (place - 1, place + 1) if 0 <= n < len(points)]
    steps = [float(np.linalg.norm(points[place] - points[n])) for n in neighbours]
    return min(min(steps, default=20.0), 40.0)


def _tangents(spine: Spine) -> npt.NDArray[np.float64]:
    """``(n, 3)`` unit vectors towards the head at each centroid."""
    points = spine.centroids_mm
    if len(points) < 2:
        return np.array([[0.0, 0.0, 1.0]])
    tangents = -np.gradient(points, axis=0)
    return np.asarray(tangents / np.linalg.norm(tangents, axis=1, keepdims=True))


def _boxes(grid: Grid, spine: Spine, margin_mm: float) -> Iterator[tuple[slice, ...]]:
    """The box of voxels within ``margin_mm`` of each centroid, as far as it lies on the grid."""
    reach = margin_mm / np.array(grid.spacing_mm)
    for centre in grid.to_voxel(spine.centroids_mm):
        start = np.clip(np.floor(centre - reach).astype(int), 0, grid.shape)
        stop = np.clip(np.ceil(centre + reach).astype(int) + 1, 0, grid.shape)
        if (start < stop).all():
            yield tuple(slice(a, b) for a, b in zip(start, stop, strict=True))


def _positions(grid: Grid, box: Iterable[slice]) -> npt.NDArray[np.float64]:
    """RAS mm of every voxel of a box, ``(x, y, z, 3)``."""
    axes = [np.arange(s.start, s.stop) for s in box]
    return grid.to_world(np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1))


def write_case(case: TrainingCase, path: Path | str) -> None:
    """Store a prepared case as one ``.npz``."""
    arrays: dict[str, npt.NDArray[Any]] = {
        "image": case.image,
        "labels": case.labels,
        "heat": case.heat,
        "centroids_mm": case.centroids_mm,
        "affine": case.grid.affine,
        "exact": np.array(case.exact),
        "name": np.array(case.name),
    }
    if case.tissues is not None:
        arrays["tissues"] = case.tissues
    with atomic_path(path) as temporary, temporary.open("wb") as stream:
        np.savez_compressed(stream, **arrays)  # type: ignore[arg-type]  # stubs: keywords mixed up


def read_case(path: Path | str) -> TrainingCase:
    """Read what :func:`write_case` stored.

    Raises:
        SampleError: the file is damaged or something else.
    """
    path = Path(path)
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
        grid = Grid(arrays["image"].shape, arrays["affine"])
        return TrainingCase(
            str(arrays["name"]),
            arrays["image"],
            arrays["labels"],
            arrays["heat"],
            arrays["centroids_mm"],
            arrays.get("tissues"),
            grid,
            bool(arrays["exact"]),
        )
    except (OSError, ValueError, KeyError, EOFError, BadZipFile, zlib.error) as error:
        raise SampleError(f"{path}: not a prepared training case ({error})") from error
