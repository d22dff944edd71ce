"""Bones other than vertebrae: ribs, breastbone, shoulder, skull and pelvis. They carry no label."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from spondyl.anatomy import NAMES
from spondyl.phantom.canvas import Canvas, Solid
from spondyl.phantom.coarse import Coarse, table_at
from spondyl.phantom.figure import CAGE_BACK, CAGE_FRONT, CAGE_SQUARE, CAGE_WIDTH, brain_case, cage_outline
from spondyl.phantom.plan import Level, SpinePlan
from spondyl.phantom.vertebra import BoneStyle

__all__ = ["paint_pelvis", "paint_ribs", "paint_shoulders", "paint_skull", "rib_bearers"]

Points = npt.NDArray[np.float64]
_LAST_ANGLE = {1: 62, 2: 60, 3: 56, 4: 54, 5: 52, 6: 48, 7: 44, 8: 34, 9: 24, 10: 12, 11: -14, 12: -42}
_DROP_MM = {1: 32, 2: 45, 3: 55, 4: 62, 5: 68, 6: 74, 7: 80, 8: 82, 9: 82, 10: 80, 11: 70, 12: 45}


def chain(
    canvas: Canvas,
    points: npt.ArrayLike,
    radii: Sequence[float],
    *,
    stretch: Sequence[float] = (1, 1, 1),
    shell_mm: float = 1.2,
    spongy_hu: float = 150.0,
    gap_mm: float = 0.0,
) -> None:
    """A bent rod through world points; ``gap_mm`` is the joint at its first point."""
    places = np.asarray(points, float)
    for i, (a, b) in enumerate(pairwise(places)):
        middle = (a + b) / 2
        reach = np.abs(b - a) / 2 + max(radii[i], radii[i + 1]) * np.asarray(stretch, float) + 3
        solid = Solid(canvas, middle, np.eye(3), -reach, reach)
        if solid.box is None:
            continue
        solid.rod(
            a - middle, b - middle, (radii[i], radii[i + 1]), stretch=stretch, shell_mm=shell_mm, blend_mm=0
        )
        canvas.add_bone(solid.box, solid.distance, shell_mm, spongy_hu, 0, gap_mm if i == 0 else 0.0)


def rib_bearers(plan: SpinePlan) -> list[tuple[int, Level]]:
    """Number of each rib pair and the vertebra that bears it; the last pair is always a short one."""
    thoracic = [level for level in plan.levels if NAMES[level.label][0] == "T"]
    numbered = list(enumerate(thoracic, 1))
    if len(thoracic) != 12:  # a T13 bears a second short pair, without T12 the eleventh is the last
        numbered = [(min(n, 12), level) for n, level in numbered]
    return numbered


def _cage_point(c: Coarse, scale: float, side: int, angle_deg: float, z: float, out_mm: float) -> Points:
    """A point on the outside of the cage; angle 0 is the flank, 90 the front."""
    place, _, _ = c.at_height(np.array([z]))
    x, y = c.midline(np.array([z]))
    wide, front, back = (float(table_at(t, place)[0]) * scale for t in (CAGE_WIDTH, CAGE_FRONT, CAGE_BACK))
    half = (front + back) / 2
    cos, sin = np.cos(np.radians(angle_deg)), np.sin(np.radians(angle_deg))
    norm = (abs(cos) ** CAGE_SQUARE + abs(sin) ** CAGE_SQUARE) ** (1 / CAGE_SQUARE)
    dx, dy = wide * cos / norm + out_mm * cos, half * sin / norm + out_mm * sin
    return np.array([float(x[0]) + side * dx, float(y[0]) + (front - back) / 2 + dy, z])


def _rib(
    c: Coarse, plan: SpinePlan, number: int, level: Level, side: int, rng: np.random.Generator
) -> Points:
    """Axis of one rib from its head to its front end."""
    s, half = level.sizes, level.sizes.depth / 2
    up = 0.42 * level.heights_mm[2]
    head = np.array([side * (s.width / 2 + 1.5), -half + 3.5, up if number < 11 else 0.1 * up])
    neck = np.array([side * (s.width / 2 + 9), -half - 6, up * 0.9])
    tubercle = np.array([side * (s.transverse - 2), -half - s.transverse_back + 6.5, s.transverse_up + 3])
    start = level.centre_mm + np.array([head, neck, tubercle]) @ level.axes.T
    last = _LAST_ANGLE[number] + float(rng.normal(0, 3))
    drop = _DROP_MM[number] * plan.scale
    first = -62.0 if number > 2 else -50.0
    angles = np.linspace(first, last, max(int((last - first) / 9), 3))
    t = (angles - first) / max(66 - first, 1)
    heights = start[2, 2] - 6 - drop * t**1.1
    cage = [_cage_point(c, plan.scale, side, a, z, 3.0) for a, z in zip(angles, heights, strict=True)]
    return np.vstack([start, cage])


def paint_ribs(
    canvas: Canvas, c: Coarse, plan: SpinePlan, style: BoneStyle, rng: np.random.Generator
) -> None:
    """All ribs with their cartilage, and the breastbone."""
    k = plan.scale
    for number, level in rib_bearers(plan):
        for side in (-1, 1):
            points = _rib(c, plan, number, level, side, rng)
            thick = 3.4 * k if number < 11 else 2.9 * k
            radii = np.full(len(points), thick)
            chain(
                canvas,
                points,
                list(radii),
                stretch=(1, 1, 1.7),
                shell_mm=1.1 * style.shell,
                spongy_hu=style.spongy_hu * 0.8,
                gap_mm=0.9,
            )
            if number <= 7:
                angles = np.linspace(_LAST_ANGLE[number], 82, 4)
                rise = np.linspace(0, (6 * number - 8) * k, 4)
                soft = [
                    _cage_point(c, k, side, a, points[-1][2] + r, 4.0)
                    for a, r in zip(angles, rise, strict=True)
                ]
                chain(canvas, soft, [thick * 1.1] * 4, stretch=(1, 1, 1.5), shell_mm=0.1, spongy_hu=110)
    heights = [c.height_of(p) for p in (10.2, 11.2, 12.4, 13.8, 15.2, 16.2)]
    bone = [_cage_point(c, k, 1, 90.0, z, 9.0 * k) for z in heights]
    widths = [6.5 * k, 6.0 * k, 4.6 * k, 4.8 * k, 4.8 * k, 2.5 * k]
    chain(
        canvas, bone, widths, stretch=(3.4, 1, 1), shell_mm=1.0 * style.shell, spongy_hu=style.spongy_hu * 0.7
    )


def paint_shoulders(canvas: Canvas, c: Coarse, plan: SpinePlan, style: BoneStyle) -> None:
    """Collar bones, shoulder blades and heads of the upper arms."""
    k = plan.scale
    cage = cage_outline(c, k)
    wing = np.abs(cage - 17 * k) - 2.2
    aside = np.abs(c.dx)
    wing = np.maximum(np.maximum(wing, 62 * k - aside), np.maximum(aside - 118 * k, c.dy + 12))
    low = c.height_of(14.2) + np.maximum(100 * k - aside, 0) * 0.2
    wing = np.maximum(wing, np.maximum(c.z - c.height_of(9.3), low - c.z)).astype(np.float32)
    c.bone(wing, 1.6 * style.shell, 120)
    z = c.height_of(9.6)
    for side in (-1, 1):
        root = _cage_point(c, k, 1, 90.0, c.height_of(10.3), 12 * k)
        mid = _cage_point(c, k, side, 48.0, z, 14 * k)
        x, y = (float(v[0]) for v in c.midline(np.array([z])))
        tip = np.array([x + side * 150 * k, y + 5, z + 26 * k])
        start = root + np.array([side * 20 * k, 0, 3])
        chain(
            canvas,
            [start, (start + mid) / 2 + [0, 6, 6], mid, tip],
            [8.5 * k, 6.5 * k, 5.5 * k, 6 * k],
            shell_mm=1.7,
        )
        spine = np.array(
            [[x + side * 66 * k, y - 72 * k, z - 18], [x + side * 120 * k, y - 58 * k, z + 8], tip]
        )
        chain(canvas, spine, [3.5, 5.5, 6.5], stretch=(1, 1.3, 1), shell_mm=1.5)
        ball = np.array([x + side * 168 * k, y - 8, z - 4])
        chain(
            canvas,
            ball + np.array([[0, 0, 0], [side * 6, 0, -8], [side * 14, 0, -120]]),
            [24 * k, 22 * k, 12 * k],
            shell_mm=2.2,
        )


def paint_skull(
    canvas: Canvas, c: Coarse, plan: SpinePlan, style: BoneStyle, rng: np.random.Generator
) -> None:
    """Brain case with its opening for the cord, skull base, face and jaw."""
    k = plan.scale
    outer = brain_case(c, k)
    thick = 6.0 + 1.2 * c.noise(rng, 14) + np.clip((c.height_of(-1.2) - c.z) * 0.08, 0, 4)
    case = np.maximum(outer, -(outer + thick))
    hole = np.sqrt(c.dx**2 + (c.dy + 18 * k) ** 2) - 16.5 * k
    case = np.maximum(case, -np.maximum(hole, c.z - c.height_of(-1.5)))
    c.bone(case.astype(np.float32), 1.7, 350)
    base = plan.levels[0].centre_mm
    spongy = style.spongy_hu

    def rods(
        path: Sequence[Sequence[float]],
        radii: Sequence[float],
        stretch: Sequence[float],
        shell: float,
        hu: float,
    ) -> None:
        for side in (-1, 1):
            points = base + np.array(path) * np.array([side, 1, 1]) * k
            chain(canvas, points, [r * k for r in radii], stretch=stretch, shell_mm=shell, spongy_hu=hu)

    rods([(19, -6, 9.5), (21, -4, 15)], [5.5, 7], (1, 1.5, 1), 1.4, spongy * 1.5)
    rods([(16, 12, 26), (50, -2, 24)], [8, 9], (1, 1, 1), 2.5, 500)
    rods([(50, -4, 20), (50, -8, -2)], [11, 6], (0.8, 1, 1), 1.2, -250)
    rods([(0, 40, 7), (0, 84, 5)], [4.5, 5.5], (3.2, 1, 0.4), 1.5, 500)
    jaw = [(48, 22, 28), (46, 26, -5), (42, 34, -25), (27, 66, -36), (9, 87, -42), (0, 89, -42)]
    rods(jaw, [5, 5, 6, 6.5, 6.5, 6.5], (0.8, 0.9, 1.7), 2.2, 180)
    teeth = [(25, 62, -19), (18, 78, -21), (6, 87, -22), (0, 88, -22)]
    rods(teeth, [4.2, 4, 3.6, 3.6], (1, 1, 1.6), 3.0, 1500)
    rods([(x, y, z + 16) for x, y, z in teeth], [4.4, 4, 3.6, 3.6], (1, 1, 1.6), 3.0, 1500)
    rods([(44, 78, 36), (58, 52, 32), (60, 22, 34)], [6, 4, 4], (1, 1, 1.2), 1.8, 200)
    rods([(30, 84, 24), (26, 80, 4), (30, 62, 2)], [4, 5, 6], (1, 1, 1), 1.2, 80)
    hyoid = [(18, 30, -52), (12, 40, -56), (0, 44, -57)]
    rods(hyoid, [2.2, 2.8, 3.2], (1, 1, 1.2), 1.5, 200)


def paint_pelvis(c: Coarse, plan: SpinePlan, style: BoneStyle) -> None:
    """Iliac wings and hip joints."""
    k = plan.scale
    first = plan.levels[-2].centre_mm
    z = (c.z - np.float32(first[2])) / k
    aside = np.abs(c.x - np.float32(first[0])) / k
    ahead = (c.y - np.float32(first[1])) / k
    out = aside - np.clip(z, -90, 70) * 0.28
    # An arc in the axial plane through the sacroiliac joint, the flank and the front spine.
    centre, radius = (18.0, 78.0), 118.0
    arc = np.sqrt((out - centre[0]) ** 2 + (ahead - centre[1]) ** 2) - radius
    wing = np.abs(arc) - (4.2 + np.clip((-15 - ahead) * 0.12, 0, 5))
    crest = z - (48 - ((ahead - 8) / 62) ** 2 * 52)
    limits = np.maximum(np.maximum(ahead - 72, -62 - ahead), -78 - z)
    wing = np.maximum(np.maximum(wing, crest), np.maximum(limits, 38 - aside))
    c.bone((wing * k).astype(np.float32), 1.4 * style.shell, style.spongy_hu * 0.8)
    ball = np.sqrt((aside - 90) ** 2 + (ahead - 30) ** 2 + (z + 108) ** 2)
    c.bone(((ball - 24) * k).astype(np.float32), 1.5, style.spongy_hu * 1.5)
    socket = np.maximum(np.abs(ball - 31) - 4.5, aside - 94)
    c.bone((socket * k).astype(np.float32), 1.6, style.spongy_hu)
