"""A patient's figure: outlines of skin, rib cage and skull as distances on the coarse lattice."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from spondyl.phantom.coarse import Coarse
from spondyl.phantom.shapes import Array, smooth_max, smooth_min

__all__ = [
    "CAGE_BACK",
    "CAGE_FRONT",
    "CAGE_SQUARE",
    "CAGE_WIDTH",
    "BodyStyle",
    "body_column",
    "brain_case",
    "cage_outline",
    "domes",
    "erectors",
    "outline",
    "skin",
    "spine_bed",
]

# Level position (1 C1 ... 8 T1 ... 20 L1 ... 25 S1) to mm, for a patient of average size.
_FRONT: Final[Mapping[float, float]] = {
    -2: 90, 1: 92, 2.5: 88, 3.5: 66, 4.5: 52, 6: 48, 8: 56, 10: 84, 12: 110, 16: 140, 19: 140, 22: 118,
    25: 120, 28: 150,
}  # fmt: skip
_BACK: Final[Mapping[float, float]] = {
    -2: 92, 1: 74, 3: 68, 6: 70, 8: 74, 11: 66, 15: 60, 19: 62, 22: 68, 24: 72, 26: 76, 28: 84,
}  # fmt: skip
_HALF_WIDTH: Final[Mapping[float, float]] = {
    -2: 76, 1: 74, 3: 68, 4.5: 60, 6: 64, 7: 96, 8: 170, 9: 200, 12: 185, 16: 162, 19: 152, 22: 148,
    25: 172, 28: 185,
}  # fmt: skip
CAGE_WIDTH: Final[Mapping[float, float]] = {
    7.4: 12, 8: 42, 9: 66, 11: 96, 14: 118, 17: 126, 19: 126, 22: 110,
}  # fmt: skip
CAGE_FRONT: Final[Mapping[float, float]] = {
    7.4: 8, 8: 22, 9: 44, 11: 72, 14: 104, 17: 122, 22: 110,
}  # fmt: skip
CAGE_BACK: Final[Mapping[float, float]] = {
    7.4: 6, 8: 14, 9: 24, 11: 38, 14: 44, 17: 42, 19: 36, 22: 20,
}  # fmt: skip

CAGE_SQUARE = 2.2  # exponent of the outline


@dataclass(frozen=True)
class BodyStyle:
    """How a patient looks.

    Attributes:
        scale: Size, 1 = average.
        girth: Fatness, 1 = average, 0.6 slim, 1.6 obese.
        blood_hu: Vessels and heart chambers.
        kidney_hu: Renal cortex.
    """

    scale: float
    girth: float
    blood_hu: float
    kidney_hu: float


def outline(c: Coarse, front: Array, back: Array, half_width: Array, squareness: float = 2.4) -> Array:
    """Distance to a superelliptic cylinder around the trunk's axis."""
    spine_x, spine_y = c.midline(c.z)
    half = (front + back) / 2
    p = np.abs(c.x - spine_x) / half_width
    q = (c.y - spine_y - (front - back) / 2) / half
    norm = (p**squareness + np.abs(q) ** squareness) ** np.float32(1 / squareness) + np.float32(1e-4)
    radius = np.sqrt((p * half_width) ** 2 + (q * half) ** 2)
    return np.asarray(radius - radius / norm, np.float32)


def cage_outline(c: Coarse, scale: float) -> Array:
    """Distance to the inside of the ribs."""
    front, back, wide = (
        c.profile(table) * np.float32(scale) for table in (CAGE_FRONT, CAGE_BACK, CAGE_WIDTH)
    )
    cage = outline(c, front, back, wide, CAGE_SQUARE)
    return np.asarray(np.maximum(cage, c.z - c.height_of(7.4)), np.float32)


def brain_case(c: Coarse, scale: float) -> Array:
    """Distance to the outside of the brain case, whose floor climbs in front along the clivus."""
    case = c.blob(-3.4, (0, 22), (73 * scale, 92 * scale, 77 * scale))
    floor = c.height_of(0.45) + np.clip((c.dy - 2) * 1.15, 0, 40 * scale) - c.z
    return smooth_max(case, (floor * 0.75).astype(np.float32), 8)


def skin(c: Coarse, s: BodyStyle) -> Array:
    """Distance to the skin: trunk and neck, and the head."""
    k = s.scale * (0.75 + 0.25 * s.girth)
    trunk = outline(c, c.profile(_FRONT) * k, c.profile(_BACK) * k, c.profile(_HALF_WIDTH) * k)
    top = c.height_of(-1.0)
    trunk = np.maximum(trunk, (c.z - top).astype(np.float32))
    head = c.blob(-3.4, (0, 22), (80 * s.scale, 99 * s.scale, 84 * s.scale))
    face = c.blob(-0.2, (0, 62), (62 * s.scale, 52 * s.scale, 82 * s.scale))
    whole = smooth_min(smooth_min(head, face, 20), trunk, 24)
    return smooth_min(whole, np.maximum(erectors(c, s) - 9, (c.z - top).astype(np.float32)), 12)


def erectors(c: Coarse, s: BodyStyle) -> Array:
    """The two long muscles beside the spinous processes."""
    aside = c.profile({1: 18, 7: 22, 12: 24, 19: 30, 24: 32}) * s.scale
    back = c.profile({1: -40, 7: -46, 12: -42, 19: -44, 24: -48}) * s.scale
    wide = c.profile({1: 22, 7: 26, 12: 28, 19: 36, 24: 36}) * s.scale
    deep = c.profile({1: 18, 7: 20, 12: 15, 19: 20, 24: 23}) * s.scale
    p, q = (np.abs(c.dx) - aside) / wide, (c.dy - back) / deep
    return np.asarray((np.sqrt(p * p + q * q) - 1) * deep, np.float32)


def spine_bed(c: Coarse, s: BodyStyle) -> Array:
    """Muscle right behind and beside the spine, without gaps towards the lungs."""
    wide = c.profile({1: 30, 7: 34, 9: 40, 14: 38, 19: 44, 24: 60}) * s.scale
    deep = c.profile({1: 30, 7: 34, 14: 34, 19: 34, 24: 40}) * s.scale
    back = c.profile({1: -34, 7: -40, 14: -44, 19: -46, 24: -48}) * s.scale
    p, q = c.dx / wide, (c.dy - back) / deep
    return np.asarray((np.sqrt(p * p + q * q) - 1) * 30, np.float32)


def body_column(c: Coarse, s: BodyStyle, margin: float) -> Array:
    """The vertebral bodies with what clings to them."""
    wide = c.profile({1: 9, 7: 11, 9: 12, 14: 14.5, 19: 20, 24: 25}) * s.scale + margin
    deep = c.profile({1: 8, 7: 9, 14: 13.5, 19: 16, 24: 18}) * s.scale + margin
    p, q = c.dx / wide, c.dy / deep
    return np.asarray((np.sqrt(p * p + q * q) - 1) * 15, np.float32)


def domes(c: Coarse, s: BodyStyle, rng: np.random.Generator) -> Array:
    """Height above the diaphragm, mm."""
    high = c.height_of(16.8 + float(rng.normal(0, 0.5)))
    domes = []
    for side, lower in ((1, 0.0), (-1, 12.0)):
        p = (c.dx - side * 62 * s.scale) / np.float32(80 * s.scale)
        q = (c.dy - 45 * s.scale) / np.float32(72 * s.scale)
        domes.append(high - lower - 55 * s.scale * (p * p + q * q))
    return np.asarray(
        c.z - smooth_max(domes[0].astype(np.float32), domes[1].astype(np.float32), 25), np.float32
    )
