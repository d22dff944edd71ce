"""The surface of each vertebra of a mask: smooth, closed, and of the same size."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage, sparse

from spondyl.anatomy import NAMES, ORDER
from spondyl.label_boxes import label_boxes
from spondyl.volume import Grid, Volume

__all__ = ["Surface", "signed_volume_mm3", "surfaces"]

STEP_MM = 1.0
"""Length of a triangle's sides, about; finer masks do not make larger files."""

SMOOTHING_ROUNDS = 10
SHRINK, INFLATE = 0.5, -0.53
"""Taubin's lambda and mu: waves shorter than about four triangles fade, volume stays."""

_LEAST_MM = 0.05
"""How near the surface may come to a lattice point; triangles of no area would follow."""

FloatArray = npt.NDArray[np.float64]
Faces = npt.NDArray[np.int32]


@dataclass(frozen=True, eq=False)
class Surface:
    """A closed surface of triangles.

    Attributes:
        label: VerSe number.
        vertices_mm: ``(n, 3)`` RAS+ mm.
        faces: ``(m, 3)`` indices of vertices, counter-clockwise seen from outside.
    """

    label: int
    vertices_mm: FloatArray
    faces: Faces

    @property
    def name(self) -> str:
        """Name such as ``"T12"``."""
        return NAMES[self.label]

    def normals(self) -> FloatArray:
        """``(n, 3)`` unit vectors to the outside, averaged over the triangles at each vertex."""
        a, b, c = (self.vertices_mm[self.faces[:, corner]] for corner in range(3))
        across = np.cross(b - a, c - a)  # as long as the triangle is large: a weighted mean
        total = np.zeros_like(self.vertices_mm)
        for corner in range(3):
            np.add.at(total, self.faces[:, corner], across)
        return np.asarray(total / np.maximum(np.linalg.norm(total, axis=1, keepdims=True), 1e-12))


def surfaces(mask: Volume) -> Iterator[Surface]:
    """The surface of every vertebra, head to foot.

    The distance to the border of the voxels is interpolated to :data:`STEP_MM`, which makes round
    shapes of thick slices too. Its level with the volume of the voxels (marching cubes, Lewiner 2003)
    is smoothed without shrinking (Taubin 1995). Where the scan cuts a vertebra, the cut is closed.

    Args:
        mask: VerSe numbers on any grid.
    """
    boxes = label_boxes(mask.data, max(ORDER))
    for label in ORDER:
        if (box := boxes[label - 1]) is not None:
            yield _surface(mask, label, box)


def signed_volume_mm3(vertices_mm: FloatArray, faces: Faces) -> float:
    """Enclosed volume; negative where the triangles are clockwise seen from outside."""
    a, b, c = (vertices_mm[faces[:, corner]] for corner in range(3))
    return float(np.einsum("ij,ij->", a, np.cross(b, c)) / 6)


def _surface(mask: Volume, label: int, box: tuple[slice, slice, slice]) -> Surface:
    from skimage.measure import marching_cubes

    spacing = np.array(mask.grid.spacing_mm)
    margin = np.ceil(2 * STEP_MM / spacing).astype(int) + 1
    start = np.array([side.start for side in box]) - margin
    stop = np.array([side.stop for side in box]) + margin
    crop = mask.cropped(start.tolist(), stop.tolist())
    vertices, faces, _, _ = marching_cubes(_distance_mm(crop.data == label, spacing), 0.0)
    vertices = _to_world(crop.grid, vertices * STEP_MM)
    faces = np.ascontiguousarray(faces, dtype=np.int32)
    middle = vertices.mean(axis=0)  # far from the origin the volume would lose digits
    if signed_volume_mm3(vertices - middle, faces) < 0:
        faces = faces[:, ::-1]
    return Surface(label, _smoothed(vertices, faces), faces)


def _distance_mm(inside: npt.NDArray[np.bool_], spacing: npt.NDArray[np.float64]) -> npt.NDArray[Any]:
    """Distance to the surface, positive inside, on a lattice of :data:`STEP_MM` from the first voxel."""
    within = ndimage.distance_transform_edt(inside, spacing.tolist())
    beyond = ndimage.distance_transform_edt(~inside, spacing.tolist())
    shape = np.ceil((np.array(inside.shape) - 1) * spacing / STEP_MM).astype(int) + 1
    distance = ndimage.affine_transform(
        (within - beyond).astype(np.float32),
        STEP_MM / spacing,
        output_shape=tuple(shape.tolist()),
        order=1,
        mode="nearest",
    )
    return _away_from_zero(distance - _level(distance, inside.sum() * spacing.prod()))


def _level(distance: npt.NDArray[Any], volume_mm3: float) -> float:
    """The level that encloses a given volume; of thick slices, level 0 would lose some percent."""
    count = int(np.clip(round(volume_mm3 / STEP_MM**3), 1, distance.size - 1))
    edge = np.partition(distance.ravel(), (-count - 1, -count))
    return float(edge[-count - 1] + edge[-count]) / 2


def _away_from_zero(distance: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """No lattice point on the surface itself."""
    return np.asarray(np.where(np.abs(distance) < _LEAST_MM, np.copysign(_LEAST_MM, distance), distance))


def _to_world(grid: Grid, points_mm: FloatArray) -> FloatArray:
    """Millimetres along the axes of a grid from its first voxel, to RAS+ mm."""
    return grid.to_world(points_mm / np.array(grid.spacing_mm))


def _smoothed(vertices: FloatArray, faces: Faces) -> FloatArray:
    """Taubin's smoothing: a step inwards and a slightly longer one outwards, in turn."""
    count = len(vertices)
    ends = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    ones = np.ones(len(ends))
    graph = sparse.coo_array((ones, (ends[:, 0], ends[:, 1])), (count, count)).tocsr()
    graph = ((graph + graph.T) > 0).astype(float)
    average = sparse.diags_array(1 / graph.sum(axis=1)) @ graph
    for _ in range(SMOOTHING_ROUNDS):
        for share in (SHRINK, INFLATE):
            vertices = vertices + share * (average @ vertices - vertices)
    return vertices
