"""Discs, spinal canal, thecal sac and cord: soft parts that follow the spine closely."""

import numpy as np

from spondyl.phantom.canvas import Canvas, Solid, Tissue
from spondyl.phantom.plan import Level, SpinePlan
from spondyl.phantom.shapes import Array
from spondyl.phantom.vertebra import SQUARENESS

__all__ = ["canal_points", "paint_canal", "paint_discs"]


def canal_points(plan: SpinePlan) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Centres of the canal ``(n, 3)`` with half widths and half depths, from above C1 to S2."""
    points, wide, deep = [], [], []
    for level in plan.levels:
        s = level.sizes
        back = 12.5 + s.canal_depth / 2 if level.label == 1 else s.canal_depth / 2 - s.canal_front
        points.append(level.centre_mm - level.axes[:, 1] * back)
        wide.append(s.canal_width / 2)
        deep.append(s.canal_depth / 2)
    first = plan.levels[0]
    points.insert(0, points[0] + first.axes @ np.array([0, 4, 38.0]))
    return np.array(points), np.array([wide[0] * 1.1, *wide]), np.array([deep[0] * 1.3, *deep])


def _segment(canvas: Canvas, a: np.ndarray, b: np.ndarray, reach: float, up_axes: np.ndarray) -> Solid:
    """A solid around the stretch from one point to the next one down, its third axis along it."""
    up = (a - b) / np.linalg.norm(a - b)
    front = up_axes[:, 1] - (up_axes[:, 1] @ up) * up
    front /= np.linalg.norm(front)
    axes = np.stack([np.cross(front, up), front, up], axis=1)
    half = float(np.linalg.norm(a - b)) / 2
    return Solid(canvas, (a + b) / 2, axes, (-reach, -reach, -half - 4), (reach, reach, half + 4))


def paint_canal(canvas: Canvas, plan: SpinePlan) -> None:
    """Epidural fat, thecal sac and cord (which ends at L1)."""
    points, wide, deep = canal_points(plan)
    layers = ((-0.2, -55.0, Tissue.FAT), (1.6, 18.0, Tissue.THECAL_SAC), (0.0, 38.0, Tissue.CORD))
    for i in range(len(points) - 1):
        solid = _segment(
            canvas,
            points[i],
            points[i + 1],
            float(wide[i : i + 2].max()) + 4,
            plan.levels[max(i - 1, 0)].axes,
        )
        if solid.box is None:
            continue
        u, v, w = solid.local(solid.box)
        half = float(np.linalg.norm(points[i] - points[i + 1])) / 2
        share = np.clip(0.5 - w / np.float32(2 * half), 0, 1)
        a = np.float32(wide[i]) + np.float32(wide[i + 1] - wide[i]) * share
        b = np.float32(deep[i]) + np.float32(deep[i + 1] - deep[i]) * share
        ends = np.abs(w) - np.float32(half + 1.5)
        for shrink, hu, tissue in layers:
            if tissue is Tissue.CORD:
                if i > 20:
                    continue
                p, q = u / np.float32(5.6 * plan.scale), v / np.float32(4.2 * plan.scale)
                scale = np.float32(4.5)
            else:
                p, q, scale = u / (a - shrink), (v - np.float32(shrink * 0.25)) / (b - shrink), b
            tube = ((np.sqrt(p * p + q * q) - 1) * scale).astype(np.float32)
            canvas.paint(solid.box, np.maximum(tube, ends), hu, tissue)


def _disc(canvas: Canvas, upper: Level, lower: Level, hu: float, vacuum: bool) -> None:
    """One disc; the bodies painted later cover its top and bottom."""
    reach = max(upper.sizes.width, lower.sizes.width) / 2 + 4
    solid = _segment(canvas, upper.centre_mm, lower.centre_mm, reach, lower.axes)
    if solid.box is None:
        return
    half_width = (upper.sizes.width + lower.sizes.width) / 4 * 1.02
    half_depth = (upper.sizes.depth + lower.sizes.depth) / 4 * 1.03
    u, v, w = solid.local(solid.box)
    n = np.float32(SQUARENESS)
    norm = ((np.abs(u) / half_width) ** n + (np.abs(v) / half_depth) ** n) ** (1 / n) + np.float32(1e-4)
    radius = np.sqrt(u * u + v * v)
    wall: Array = (radius - radius / norm).astype(np.float32)
    half = float(np.linalg.norm(upper.centre_mm - lower.centre_mm)) / 2
    tall = np.abs(w) - np.float32(half)
    canvas.paint(solid.box, np.maximum(wall, tall), hu, Tissue.DISC)
    core = np.maximum(wall + half_depth * 0.35, tall)
    canvas.paint(solid.box, core, hu - 15, Tissue.DISC)
    if vacuum:
        gas = np.maximum(wall + half_depth * 0.3, np.abs(w) - 1.0 + 0.6 * canvas.roughness[solid.box])
        canvas.paint(solid.box, gas.astype(np.float32), -500.0, Tissue.GAS)


def paint_discs(canvas: Canvas, plan: SpinePlan, rng: np.random.Generator) -> None:
    """Discs from C2/C3 to L5/S1; some old ones hold gas."""
    for upper, lower in zip(plan.levels[1:-2], plan.levels[2:-1], strict=True):
        worn = plan.age_years > 55 and rng.random() < 0.08
        _disc(canvas, upper, lower, float(rng.normal(88, 8)), bool(worn))
