"""Atlas, axis and sacrum."""

from itertools import pairwise

import numpy as np

from spondyl.phantom.canvas import Canvas, FloatArray, Solid
from spondyl.phantom.plan import Level, SpinePlan
from spondyl.phantom.shapes import Array, capsule
from spondyl.phantom.vertebra import BODY_SHELL_MM, BoneStyle, body_shape, tube

__all__ = ["DENS_BACK_MM", "paint_atlas", "paint_axis", "paint_sacrum"]

DENS_BACK_MM = 4.0
"""The dens axis lies this far behind the atlas' centre, which is midway between arch and dens."""


def paint_atlas(canvas: Canvas, level: Level, style: BoneStyle, rng: np.random.Generator) -> None:
    """C1: a ring without a body."""
    k = level.sizes.canal_width / 28
    solid = Solid(canvas, level.centre_mm, level.axes, (-48 * k, -48 * k, -20), (48 * k, 16, 20))
    if solid.box is None:
        return
    shell = 1.8 * style.shell
    tilt = float(rng.normal(0, 1.0))
    solid.rod((0, 6, tilt), (0, 6, tilt), (3.2, 3.2), stretch=(1.5, 1, 1.7), shell_mm=shell)
    for sign in (-1, 1):
        solid.rod((0, 6, tilt), (sign * 15 * k, 1.5, 0), (2.9, 3.4), stretch=(1, 1, 1.5), shell_mm=shell)
        solid.rod(
            (sign * 19 * k, -1, 0), (sign * 20.5 * k, -11, 0), (6.2, 6.0), stretch=(1, 1, 1.35), shell_mm=1.4
        )
        tip = (sign * 38 * k, -7, -2 + float(rng.normal(0, 1)))
        solid.rod((sign * 22 * k, -6, -1), tip, (4.2, 3.8), stretch=(1, 1, 1.2), shell_mm=shell)
        path = [(19.5, -12, 0), (19, -21, 1), (14, -30, 0.5), (7, -35.5, 0), (0, -37, 0)]
        for a, b in pairwise(path):
            ends = [(sign * p * k, q * k, r) for p, q, r in (a, b)]
            solid.rod(ends[0], ends[1], (2.6, 2.8), stretch=(1, 1, 1.6), shell_mm=shell)
    solid.rod((0, -37 * k, -0.5), (0, -40 * k, -0.5), (2.5, 2.5), stretch=(1, 1, 1.4), shell_mm=shell)
    solid.distance += 0.3 * canvas.roughness[solid.box]
    canvas.add_bone(solid.box, solid.distance, solid.shell, style.spongy_hu * 1.8, level.label, 1.0)


def paint_axis(canvas: Canvas, level: Level, atlas: Level, style: BoneStyle) -> None:
    """C2: a body with the dens on top, shoulders, and a stout spinous process."""
    s, half = level.sizes, level.sizes.depth / 2
    top = level.above_mm + 9
    solid = Solid(canvas, level.centre_mm, level.axes, (-40, -half - 55, -24), (40, half + 10, top + 12))
    if solid.box is None:
        return
    shell = style.shell
    ring = level.axes.T @ (atlas.centre_mm + atlas.axes @ np.array([0, -DENS_BACK_MM, 0]) - level.centre_mm)
    tip = ring + np.array([0, -0.5, 6.0])
    for sign in (-1, 1):
        side = s.canal_width / 2 + 1
        solid.rod(
            (sign * 7, 0, 6), (sign * 15, -3, 8), (5.5, 6.0), stretch=(1, 1, 0.85), shell_mm=1.5 * shell
        )
        solid.rod((sign * side, -5, 3), (sign * (side + 6), -half - 9, -8), (5.0, 5.0), shell_mm=1.6 * shell)
        solid.rod((sign * 14, -3, 1), (sign * 25, -6, -4), (3.4, 3.0), shell_mm=1.5 * shell)
        back = (sign * 1.0, -half - s.canal_depth - 3.5, -3)
        solid.rod(
            (sign * (side + 4), -half - 8, -3), back, (3.0, 3.2), stretch=(1, 1, 2.2), shell_mm=1.7 * shell
        )
        end = (sign * 4, -half - s.canal_depth - s.spinous, -8)
        solid.rod((0, back[1], -4), end, (3.3, 3.6), stretch=(1, 1, 1.6), shell_mm=1.6 * shell)
    solid.distance += 0.25 * canvas.roughness[solid.box]
    reach = (s.width / 2 + 3, half + 3, max(level.heights_mm) / 2 + 3)
    solid.add(body_shape(level), -np.array(reach), reach, shell_mm=0.9 * shell, blend_mm=2.5)
    solid.rod(
        (0, 0.5, 6),
        tip - np.array([0, 0, 4.5]),
        (5.6, 4.9),
        stretch=(1, 1.05, 1),
        shell_mm=1.5 * shell,
        blend_mm=3,
    )
    depth = s.canal_depth / 2 + 0.5
    solid.cut(
        tube(s.canal_width / 2, depth, -half - depth), (-16, -half - 2 * depth - 1, -24), (16, -half + 1, 8)
    )
    canvas.add_bone(solid.box, solid.distance, solid.shell, style.spongy_hu * 1.7, level.label, 0.9)


def paint_sacrum(canvas: Canvas, plan: SpinePlan, style: BoneStyle) -> None:
    """S1 to S5 as one bone; S1 is labelled 26, what lies below 27."""
    first, second = plan.levels[-2], plan.levels[-1]
    k = plan.scale
    solid = Solid(canvas, first.centre_mm, first.axes, (-70 * k, -90 * k, -130 * k), (70 * k, 45 * k, 32 * k))
    if solid.box is None:
        return
    world = np.vstack([first.centre_mm, second.centre_mm, plan.tail_mm])
    c = (world - first.centre_mm) @ first.axes
    shell = style.shell
    widths, depths = np.array([23, 18, 14, 12, 9]) * k, np.array([14, 10.5, 8, 6.5, 5]) * k
    for i in range(4):
        flat = (widths[i] / depths[i], 1, 1)
        ends = (c[i] + 0.35 * (c[i + 1] - c[i]), c[i + 1])
        solid.rod(
            ends[0],
            ends[1],
            (depths[i] * 0.95, depths[i + 1]),
            stretch=flat,
            shell_mm=1.2 * shell,
            blend_mm=4,
        )
    lateral = [(0, 20, 46), (1, 16, 42), (2, 12, 29), (3, 9, 19)]
    for sign in (-1, 1):
        for i, inner, outer in lateral:
            a = c[i] + np.array([sign * inner * k, -5 * k, 2])
            b = c[i] + np.array([sign * outer * k, -14 * k, -6 if i == 0 else 0])
            thick = (13 - 2.5 * i) * k
            solid.rod(a, b, (thick, thick * 0.85), stretch=(1, 0.8, 1.1), shell_mm=1.2 * shell, blend_mm=6)
        for i in range(3):
            a = c[i] + np.array([sign * 14 * k, -26 * k + 2 * i, 4])
            b = c[i + 1] + np.array([sign * 12 * k, -24 * k + 2 * i, 4])
            solid.rod(a, b, (4.5, 4.0), stretch=(1.3, 1, 1), shell_mm=1.5 * shell, blend_mm=3)
    for i in range(3):
        tip = c[i] + np.array([0, -(42 - 6 * i) * k, -2])
        solid.rod(
            c[i] + np.array([0, -30 * k, 4]),
            tip,
            (3.2, 3.0),
            stretch=(1, 1, 2.6),
            shell_mm=1.5 * shell,
            blend_mm=4,
        )
        for sign in (-1, 1):
            side = c[i] + np.array([sign * 14 * k, -26 * k, 4])
            roof = c[i] + np.array([0, -33 * k, 3])
            solid.rod(side, roof, (3.0, 3.0), stretch=(1, 1, 2.6), shell_mm=1.5 * shell)
    solid.distance += 0.5 * canvas.roughness[solid.box]
    half = first.sizes.depth / 2
    reach = (first.sizes.width / 2 + 3, half + 3, max(first.heights_mm) / 2 + 3)
    solid.add(body_shape(first), -np.array(reach), reach, shell_mm=BODY_SHELL_MM * 1.3 * shell, blend_mm=4)
    _foramina(solid, c, k)
    u, v, w = solid.local(solid.box)
    down = c[1] / np.linalg.norm(c[1])
    below = u * np.float32(down[0]) + v * np.float32(down[1]) + w * np.float32(
        down[2]
    ) > 0.5 * np.linalg.norm(c[1])
    label = np.where(below, 27, 26).astype(np.uint8)
    canvas.add_bone(solid.box, solid.distance, solid.shell, style.spongy_hu * 0.75, label, 1.2)


def _foramina(solid: Solid, c: FloatArray, k: float) -> None:
    """The sacral canal and the holes where nerves leave it."""
    for i in range(3):
        a, b = c[i] + np.array([0, -22 * k, 14]), c[i + 1] + np.array([0, -19 * k, 0])
        _bore(solid, a, b, ((7.5 - 1.8 * i) * k, (6.0 - 1.8 * i) * k), 1.6)
        middle = (c[i] + c[i + 1]) / 2
        for sign in (-1, 1):
            a = middle + np.array([sign * (19 - 2 * i) * k, 12, 2])
            b = middle + np.array([sign * (15 - 2 * i) * k, -26 * k, 0])
            _bore(solid, a, b, (4.2, 3.2), 1.0)


def _bore(solid: Solid, a: FloatArray, b: FloatArray, radii: tuple[float, float], wide: float) -> None:
    """Cut a tapered hole."""
    low, high = np.minimum(a, b) - 16, np.maximum(a, b) + 16

    def hole(u: Array, v: Array, w: Array) -> Array:
        return capsule(u, v, w, (a.tolist(), b.tolist()), radii, (wide, 1, 1))

    solid.cut(hole, low, high)
