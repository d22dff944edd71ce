"""Vertebrae C3 to L6: body, pedicles, arch and processes as a union of signed distances."""

from dataclasses import dataclass

import numpy as np

from spondyl.anatomy import NAMES
from spondyl.phantom.canvas import Canvas, Sdf, Solid
from spondyl.phantom.plan import Level
from spondyl.phantom.shapes import Array, smooth_max

__all__ = ["BODY_SHELL_MM", "SQUARENESS", "BoneStyle", "body_shape", "paint_vertebra", "tube"]

BODY_SHELL_MM = 0.5
SQUARENESS = 2.2  # exponent of a body's outline seen from above: 2 an ellipse, larger is squarer


@dataclass(frozen=True)
class BoneStyle:
    """How a patient's bone looks.

    Attributes:
        spongy_hu: Density of spongy bone.
        compact_hu: Density of compact bone.
        shell: Thickness of compact bone, 1 = average adult.
        osteophyte_mm: Height of the spurs at the rims of bodies.
    """

    spongy_hu: float
    compact_hu: float
    shell: float
    osteophyte_mm: float


def tube(half_width: float, half_depth: float, centre_v: float) -> Sdf:
    """An upright elliptical tube, such as the spinal canal."""

    def shape(u: Array, v: Array, _w: Array) -> Array:
        p, q = u / np.float32(half_width), (v - np.float32(centre_v)) / np.float32(half_depth)
        norm = np.sqrt(p * p + q * q) + np.float32(1e-4)
        slope = np.sqrt((p / half_width) ** 2 + (q / half_depth) ** 2) + np.float32(1e-5)
        return np.asarray((norm - 1) * norm / slope, np.float32)

    return shape


def body_shape(level: Level, spur_mm: float = 0.0, spur_side: float = 0.0) -> Sdf:
    """A waisted block between two dished plates with exactly the heights of the plan.

    Args:
        level: The vertebra.
        spur_mm: Height of the spurs at the rims.
        spur_side: Where the spurs are largest: angle from the front, radians.
    """
    half_width, half_depth = level.sizes.width / 2, level.sizes.depth / 2
    front, middle, back = level.heights_mm
    dip = (front + back) / 2 - middle
    uncus = 2.6 if level.label in range(3, 8) else 0.0
    waist = 0.06 if level.label < 8 else 0.15
    n = SQUARENESS

    def shape(u: Array, v: Array, w: Array) -> Array:
        along = np.clip(v / np.float32(0.75 * half_depth), -1.25, 1.25)
        aside = np.abs(u) / np.float32(half_width)
        height = (
            middle + (front - back) / 2 * along + dip * (along * along + np.minimum(aside, 1.1) ** 2 * 1.2)
        )
        relative = np.clip(np.abs(w) / (height / 2), 0, 1)
        grow = 1 - waist * (1 - relative * relative)
        if spur_mm > 0:
            towards = 0.55 + 0.45 * np.cos(np.arctan2(u, v) - np.float32(spur_side))
            grow = grow + np.float32(spur_mm / half_depth) * relative**8 * towards
        radius = np.sqrt(u * u + v * v) + np.float32(1e-3)
        outline = (aside**n + (np.abs(v) / np.float32(half_depth)) ** n) ** np.float32(1 / n) + np.float32(
            1e-4
        )
        wall = radius - radius / outline * grow
        plate = np.abs(w) - height / 2
        if uncus:
            plate = plate - np.where(w > 0, np.float32(uncus) * np.clip(aside - 0.55, 0, 0.5) * 2, 0)
        return smooth_max(wall.astype(np.float32), plate.astype(np.float32), 1.6)

    return shape


def _arch(solid: Solid, level: Level, shell: float) -> None:
    """Pedicles and laminae."""
    s, half = level.sizes, level.sizes.depth / 2
    up = s.pedicle_up * level.heights_mm[2] / 2
    side = s.canal_width / 2 + s.pedicle_width / 2
    middle, back = s.canal_front - s.canal_depth / 2, s.canal_back
    tall = 0.34 * min(level.below_mm, 30) * (0.85 if s.lumbar > 0.5 else 1.0)
    low = -0.16 * level.heights_mm[1] - (2 if s.lumbar < 0.5 else 0)
    for sign in (-1, 1):
        radius = s.pedicle_width / 2
        solid.rod(
            (sign * (side - 0.5), -half + 4, up),
            (sign * side, middle - 1, up),
            (radius, radius),
            stretch=(1, 1, s.pedicle_height / s.pedicle_width),
            shell_mm=1.2 * shell,
            blend_mm=2.5,
        )
        thick = 3.1 if s.lumbar < 0.5 else 3.5
        solid.rod(
            (sign * side, middle - 1, up * 0.5),
            (sign * 1.0, back - thick, low),
            (thick, thick),
            stretch=(1, 1, tall / thick),
            shell_mm=1.7 * shell,
        )


def _processes(solid: Solid, level: Level, shell: float, jitter: np.ndarray) -> None:
    """Spinous and transverse processes."""
    s, half = level.sizes, level.sizes.depth / 2
    back = s.canal_back
    low = -0.16 * level.heights_mm[1] - (3 if s.lumbar < 0.5 else 1)
    tip = (1.5 * jitter[0], back - s.spinous, low - s.spinous_drop)
    stretch = (1, 1.3, s.spinous_tall / s.spinous_thick)
    solid.rod(
        (0, back - 2, low),
        tip,
        (s.spinous_thick, s.spinous_thick * 1.1),
        stretch=stretch,
        shell_mm=1.5 * shell,
    )
    if 3 <= level.label <= 6:
        for sign in (-1, 1):
            solid.rod(tip, (sign * 5, tip[1] - 4, tip[2] - 2), (2.4, 2.2), shell_mm=1.5 * shell)
    side = s.canal_width / 2 + s.pedicle_width / 2
    root_up = s.pedicle_up * level.heights_mm[2] / 2
    root_back = min(-half - s.canal_depth / 2, -half - s.transverse_back + 3)
    if level.label < 8:
        root_back = -half - 1
    for i, sign in enumerate((-1, 1)):
        length = s.transverse * (1 + 0.05 * jitter[1 + i])
        end = (sign * length, -half - s.transverse_back, s.transverse_up + jitter[3 + i])
        radius = s.transverse_thick
        solid.rod(
            (sign * side, root_back, root_up * 0.6),
            end,
            (radius * 1.15, radius),
            stretch=(1, 0.85, 1.35 if s.lumbar > 0.5 else 1.15),
            shell_mm=1.5 * shell,
        )


def _facets(solid: Solid, level: Level, shell: float) -> None:
    """Articular processes; in the neck a pillar, in the back shingles, in the loin hooks."""
    s, half = level.sizes, level.sizes.depth / 2
    up = s.pedicle_up * level.heights_mm[2] / 2
    back = -half - s.facet_back
    r = s.facet_tall
    for sign in (-1, 1):
        outer, inner = s.facet_side + 3.5 * s.lumbar, s.facet_side - 2.5 * s.lumbar
        top = (sign * outer, back + 2.2, 0.5 * level.above_mm + 1.5)
        bottom = (sign * inner, back - 2.6, -0.5 * level.below_mm - 4.0)
        flat = (1.2, 0.75, 1.0) if s.lumbar < 0.5 else (0.85, 1.1, 1.0)
        solid.rod((sign * outer, back + 1, up), top, (r, r * 0.8), stretch=flat, shell_mm=1.9 * shell)
        solid.rod(
            (sign * inner, back, up * 0.3), bottom, (r * 0.95, r * 0.8), stretch=flat, shell_mm=1.9 * shell
        )


def _thicken_plates(solid: Solid, level: Level, shell: float) -> None:
    """Compact bone of the body: thick at the plates, thin at the waist."""
    if solid.box is None:
        return
    _, _, w = solid.local(solid.box)
    body = solid.shell == np.float32(BODY_SHELL_MM)
    near = np.clip((np.abs(w[body]) / (level.heights_mm[1] / 2) - 0.62) / 0.25, 0, 1)
    solid.shell[body] = np.float32(shell) * (0.42 + 0.5 * near)


def paint_vertebra(canvas: Canvas, level: Level, style: BoneStyle, rng: np.random.Generator) -> None:
    """Paint C3 to L6 (T13 included) from its plan."""
    s, half = level.sizes, level.sizes.depth / 2
    jitter = rng.standard_normal(6)
    spur = style.osteophyte_mm * float(rng.uniform(0.2, 1.6))
    spur_side = float(rng.uniform(-1.3, 1.3))
    spongy = style.spongy_hu * float(rng.uniform(0.85, 1.15)) * (1.5 if level.label < 8 else 1.0)
    wide = max(s.transverse * 1.2, s.width / 2) + 8
    deep = half + s.canal_depth + s.spinous + 10
    tall = 0.5 * max(level.above_mm, level.below_mm) + 12
    solid = Solid(
        canvas, level.centre_mm, level.axes, (-wide, -deep, -tall - s.spinous_drop), (wide, half + 6, tall)
    )
    if solid.box is None:
        return
    _arch(solid, level, style.shell)
    _processes(solid, level, style.shell, jitter)
    _facets(solid, level, style.shell)
    solid.distance += 0.3 * canvas.roughness[solid.box]
    shape = body_shape(level, spur, spur_side)
    reach = (s.width / 2 + 3, half + 3, max(level.heights_mm) / 2 + 3)
    solid.add(shape, -np.array(reach), reach, shell_mm=BODY_SHELL_MM, blend_mm=2.0)
    depth = s.canal_depth / 2
    solid.cut(
        tube(s.canal_width / 2, depth, s.canal_front - depth),
        (-s.canal_width / 2 - 1, s.canal_back - 1, -tall),
        (s.canal_width / 2 + 1, s.canal_front + 1, tall),
    )
    _thicken_plates(solid, level, style.shell)
    solid.shell *= 1 + 0.35 * np.clip(canvas.roughness[solid.box], -1.5, 2)
    gap = 1.0 if NAMES[level.label][0] != "C" else 0.8
    canvas.add_bone(solid.box, solid.distance, solid.shell, spongy, level.label, gap)
