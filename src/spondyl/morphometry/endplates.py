"""The endplates of a body, placed by the CT's edges near the mask's surface."""

from dataclasses import dataclass, replace
from typing import Final, Literal

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from spondyl.morphometry.body import Walls
from spondyl.morphometry.frame import FloatArray, Frame
from spondyl.morphometry.sampling import Block, Sampler

__all__ = ["Edge", "Endplate", "find_endplates"]

Edge = Literal["hu", "mask"]
"""Where an endplate is: at the outside of the compact layer seen in the CT, or at the mask's surface."""

_STEP_UV_MM: Final = 1.0
_NEAR_U_MM: Final = 3.0
_NEAR_V_MM: Final = 1.5
_LEAST_NEAR: Final = 0.5  # nearest points about 2 mm away
_START: Final = 0.6  # share of the half height at which columns start: above the waist
_STEP_W_MM: Final = 0.5
_WINDOW_MM: Final = (4.5, 2.0)  # inside and outside of the mask's surface in which the crest is looked for
_AS_STRONG: Final = 0.6  # of the strongest crest there: the innermost of these is the body's own endplate
_TRUST_GUIDE_MM: Final = 0.8  # the same for the smooth surface through the crests
_DISC: Final = np.hypot(*np.mgrid[-1:2, -1:2]) <= 1.5
_BLUR_MM: Final = 0.8
_HALF_LAYER_MM: Final = 0.55  # half the thickness of a bony endplate
_LEAST_POINTS: Final = 30
_LEAST_OUTLIER_MM: Final = (
    1.0  # between thick slices the points lie in steps; each is no outlier of the others
)
_BEYOND_MM: Final = 2.0
_AIR_HU: Final = -700.0
_MOST_AIR: Final = 0.4  # share of the columns that may end in air
_LEAST_SEEN: Final = 0.5  # share of the columns that must show a crest near a smooth surface
_HELD_BACK: Final = [
    1e-6 if i + j < 2 else 0.001 if i + j == 2 else 0.004 for i in range(4) for j in range(4 - i)
]
"""Penalty of each term of the cubic, per mm2 of its coefficient: holds back bends that few points show."""

_CALM: Final = (5, 3, 1)  # columns averaged, across and along the endplate
_LEAST_CREST_HU: Final = 15.0  # below which there is no layer to speak of


@dataclass(frozen=True, eq=False)
class Endplate:
    """One endplate as a cloud of points in its vertebra's frame.

    Attributes:
        points: ``(n, 3)`` mm right, front, up of the frame's origin.
        coefficients: ``(10,)``, the smooth surface through them.
        normal: Unit vector perpendicular to the plane of best fit, pointing up, in the frame.
        noise_mm: Scatter of the points about a smooth surface (standard deviation).
        cut: Share of the endplate outside the image.
        seen: Share of the columns that show the endplate; 1 by the mask.
        columns: ``(m, 4)``, all columns: mm right and front, whether they show it, and how far outside
            of the mask's surface (mm; NaN where they do not).
    """

    points: FloatArray
    coefficients: FloatArray
    normal: FloatArray
    noise_mm: float
    cut: float
    seen: float
    columns: FloatArray

    def height_at(self, u: float, v: float) -> float:
        """Position along up at a place; NaN outside the endplate.

        A smooth (cubic) surface through all points, corrected by the mean distance of the points
        nearby from it, so that one side's scarcity of points does no harm.
        """
        du, dv = self.points[:, 0] - u, self.points[:, 1] - v
        weight = np.exp(-0.5 * ((du / _NEAR_U_MM) ** 2 + (dv / _NEAR_V_MM) ** 2))
        if weight.sum() < _LEAST_NEAR:
            return float("nan")
        surface = _cubic(self.points[:, :2]) @ self.coefficients
        here = _cubic(np.array([[u, v]])) @ self.coefficients
        return float(here[0] + weight @ (self.points[:, 2] - surface) / weight.sum())

    def seen_at(self, u: float, v: float) -> float:
        """Share of the columns around a place that show the endplate; 0 without any."""
        near = self._near(u, v)
        return float(near @ self.columns[:, 2] / max(near.sum(), 1e-9))

    def outside_mask_at(self, u: float, v: float) -> float:
        """How far outside of the mask's surface it lies around a place, mm; NaN where it is not seen."""
        near = self._near(u, v) * self.columns[:, 2]
        if near.sum() < _LEAST_NEAR:
            return float("nan")
        return float(near @ np.nan_to_num(self.columns[:, 3]) / near.sum())

    def _near(self, u: float, v: float) -> FloatArray:
        du, dv = self.columns[:, 0] - u, self.columns[:, 1] - v
        return np.asarray(np.exp(-0.5 * ((du / _NEAR_U_MM) ** 2 + (dv / _NEAR_V_MM) ** 2)))


def find_endplates(
    sampler: Sampler, frame: Frame, walls: Walls, edge: Edge = "hu"
) -> tuple[Endplate | None, Endplate | None]:
    """Lower and upper endplate; ``None`` where the mask gives too few points."""
    u = np.arange(walls.left, walls.right + 1e-6, _STEP_UV_MM)
    v = np.arange(walls.back, walls.front + 1e-6, _STEP_UV_MM)
    reach = walls.height / 2 + 9
    w = np.arange(0, reach, _STEP_W_MM)
    middle = float(walls.centre[2])
    spacing = sampler.spacing_along_mm(frame.up)
    plates = []
    for sign in (-1.0, 1.0):
        block = sampler.block(frame, u, v, middle + sign * w)
        block = replace(block, w=w)
        plates.append(_plate(block, walls, None if edge == "mask" else spacing, middle, sign))
    return plates[0], plates[1]


def _plate(
    block: Block, walls: Walls, spacing_mm: float | None, middle: float, sign: float
) -> Endplate | None:
    """An endplate from a block whose third axis walks outwards from the body's middle."""
    start = int(_START * walls.height / 2 / _STEP_W_MM)
    aside = (block.u[:, None] - walls.centre[0]) / (walls.width / 2)
    along = (block.v[None, :] - walls.centre[1]) / (walls.depth / 2)
    inside = (np.abs(aside) ** 2.5 + np.abs(along) ** 2.5 <= 1) & (block.mask[:, :, start] >= 0.5)
    footprint = ndimage.binary_erosion(inside, _DISC)  # beside a wall its own compact layer misleads
    by_mask, cut = _mask_surface(block, start)
    surface, columns = by_mask, footprint & ~cut & np.isfinite(by_mask)
    good = columns
    if spacing_mm is not None:
        surface, seen = _sharpened(block, by_mask, columns, spacing_mm)
        good = columns & seen
    if good.sum() < max(_LEAST_POINTS, _LEAST_SEEN * columns.sum()):
        return None
    i, j = np.nonzero(good)
    points = np.stack([block.u[i], block.v[j], surface[i, j]], axis=1)
    kept, noise = _without_outliers(points)
    points = points[kept]
    points[:, 2] = middle + sign * points[:, 2]
    places = np.stack([block.u[np.nonzero(columns)[0]], block.v[np.nonzero(columns)[1]]])
    moved = np.where(good, surface - by_mask, np.nan)[columns]
    return Endplate(
        points,
        _fitted(points),
        _normal(points),
        noise,
        float(cut[footprint].mean()),
        float(good.sum() / columns.sum()),
        np.stack([*places, good[columns], moved], axis=1),
    )


def _mask_surface(block: Block, start: int) -> tuple[FloatArray, npt.NDArray[np.bool_]]:
    """Where columns leave the mask beyond ``start``, ``(nu, nv)``, and which leave the image before."""
    out = block.mask < 0.5
    out[:, :, :start] = False
    first = np.argmax(out, axis=2)
    leaves = out.any(axis=2) & (first > 0)
    before = np.maximum(first - 1, 0)[..., None]
    a = np.take_along_axis(block.mask, before, 2)[..., 0]
    b = np.take_along_axis(block.mask, first[..., None], 2)[..., 0]
    share = np.where(leaves, (a - 0.5) / np.maximum(a - b, 1e-6), np.nan)
    surface = (before[..., 0] + share) * _STEP_W_MM
    beyond = np.minimum(first + 1, block.mask.shape[2] - 1)[..., None]
    cut = np.isnan(np.take_along_axis(block.hu, beyond, 2)[..., 0])
    farther = np.minimum(first + round(_BEYOND_MM / _STEP_W_MM), block.mask.shape[2] - 1)[..., None]
    with np.errstate(invalid="ignore"):
        air = np.take_along_axis(block.hu, farther, 2)[..., 0] < _AIR_HU
    if air.mean() > _MOST_AIR:  # more than gas in a disc: the scan is filled up with air there
        cut |= air
    return np.asarray(surface), np.asarray(cut)


def _sharpened(
    block: Block, surface: FloatArray, footprint: npt.NDArray[np.bool_], spacing_mm: float
) -> tuple[FloatArray, npt.NDArray[np.bool_]]:
    """Move the surface to the outside of the layer of compact bone near it, where one is seen.

    The steepest fall of the CT numbers is no good mark: blur and slice thickness push it outwards,
    by half a slice where the layer is thin. The crest of the layer stays where it is under any
    symmetric blur. It is looked for near the mask's surface, and again nearer to a smooth surface
    through the crests found.
    """
    hu = np.nan_to_num(block.hu, nan=0.0)
    hu = ndimage.uniform_filter(hu, _CALM, mode="nearest")
    blur = max(_BLUR_MM, 0.4 * spacing_mm)
    crest = -ndimage.gaussian_filter1d(hu, blur / _STEP_W_MM, axis=2, order=2, mode="nearest")
    crest *= (blur / _STEP_W_MM) ** 2  # HU, whatever the blur
    expected = surface - _HALF_LAYER_MM
    place, seen = _innermost_crest(crest, block.w, expected)
    use = footprint & seen
    if use.sum() < _LEAST_POINTS:
        return surface, np.zeros_like(footprint)
    guide = _smooth_surface(block, place, use)
    guide = np.clip(guide, expected - _WINDOW_MM[0], expected + _WINDOW_MM[1])
    place, seen = _crest_near(crest, block.w, guide, _TRUST_GUIDE_MM)
    return place + _HALF_LAYER_MM, seen


def _innermost_crest(
    crest: npt.NDArray[np.float32], w: FloatArray, expected: FloatArray
) -> tuple[FloatArray, npt.NDArray[np.bool_]]:
    """Position of the innermost strong crest in every column near ``expected``.

    Masks of networks rather reach too far, and beyond a thin disc waits the neighbour's endplate, which is
    as bright.
    """
    offset = w - expected[..., None]
    near = np.where((offset >= -_WINDOW_MM[0]) & (offset <= _WINDOW_MM[1]), crest, 0)
    peak = np.zeros_like(near, dtype=bool)
    inner = near[..., 1:-1]
    peak[..., 1:-1] = (inner >= near[..., :-2]) & (inner > near[..., 2:])
    strong = peak & (near >= np.maximum(_AS_STRONG * near.max(axis=2, keepdims=True), _LEAST_CREST_HU))
    return w[np.argmax(strong, axis=2)], strong.any(axis=2)


def _crest_near(
    crest: npt.NDArray[np.float32], w: FloatArray, expected: FloatArray, trust_mm: float
) -> tuple[FloatArray, npt.NDArray[np.bool_]]:
    """Position of the highest crest in every column, weighed by its distance from ``expected``."""
    offset = w - expected[..., None]
    weight = np.where(np.abs(offset) <= 2 * trust_mm, np.exp(-0.5 * (offset / trust_mm) ** 2), 0)
    score = np.nan_to_num(crest * weight)
    best = np.clip(np.argmax(score, axis=2), 1, len(w) - 2)[..., None]
    left, here, right = (np.take_along_axis(crest, best + d, 2)[..., 0] for d in (-1, 0, 1))
    bend = left - 2 * here + right
    shift = np.where(bend < -1e-3, 0.5 * (left - right) / np.minimum(bend, -1e-3), 0)
    place = (best[..., 0] + np.clip(shift, -1, 1)) * _STEP_W_MM
    return place, np.asarray((np.take_along_axis(score, best, 2)[..., 0] > 0) & (here >= _LEAST_CREST_HU))


def _smooth_surface(block: Block, place: FloatArray, use: npt.NDArray[np.bool_]) -> FloatArray:
    """A cubic surface through the columns ``use``, outliers left out, evaluated everywhere."""
    i, j = np.nonzero(use)
    points = np.stack([block.u[i], block.v[j], place[i, j]], axis=1)
    points = points[_inner_layer(points)]
    points = points[_without_outliers(points)[0]]
    fit = _fitted(points)
    places = np.stack(np.meshgrid(block.u, block.v, indexing="ij"), axis=-1).reshape(-1, 2)
    return np.asarray((_cubic(places) @ fit).reshape(place.shape))


def _cubic(points: FloatArray) -> FloatArray:
    """Terms of a cubic surface over the first two columns, ``(n, 10)``."""
    x, y = points[:, 0] / 20, points[:, 1] / 20
    return np.stack([x**i * y**j for i in range(4) for j in range(4 - i)], axis=1)


def _fitted(points: FloatArray) -> FloatArray:
    """Coefficients of the smooth surface through points ``(n, 3)``; bends that few show are held back."""
    design = _cubic(points)
    normal = design.T @ design / len(points) + np.diag(_HELD_BACK)
    return np.asarray(np.linalg.solve(normal, design.T @ points[:, 2] / len(points)), float)


def _inner_layer(points: FloatArray) -> npt.NDArray[np.bool_]:
    """Points of the inner one, where some lie on the neighbour's endplate beyond a thin disc."""
    design = _cubic(points)
    kept = np.ones(len(points), bool)
    for _ in range(6):
        rest = points[:, 2] - design @ _fitted(points[kept])
        scatter = float(1.4826 * np.median(np.abs(rest[kept])))
        kept = (rest <= max(scatter, 0.8)) & (rest >= -max(3 * scatter, 0.8))
    return kept if kept.sum() >= _LEAST_POINTS else np.ones(len(points), bool)


def _without_outliers(points: FloatArray) -> tuple[npt.NDArray[np.bool_], float]:
    """Points near a smooth (cubic) surface, and their scatter about it."""
    design = _cubic(points)
    kept = np.ones(len(points), bool)
    scatter = 0.0
    for _ in range(4):
        rest = points[:, 2] - design @ _fitted(points[kept])
        scatter = float(1.4826 * np.median(np.abs(rest[kept])))
        kept = np.abs(rest) <= max(3 * scatter, _LEAST_OUTLIER_MM)
    return kept, scatter


def _normal(points: FloatArray) -> FloatArray:
    """Upward unit normal of the plane of best fit (least squares along up)."""
    design = np.stack([np.ones(len(points)), points[:, 0], points[:, 1]], axis=1)
    _, a, b = np.linalg.lstsq(design, points[:, 2], rcond=None)[0]
    normal = np.array([-a, -b, 1.0])
    return np.asarray(normal / np.linalg.norm(normal))
