"""Everything around the bones: skin, fat, muscle, lungs, vessels and organs."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from spondyl.phantom.canvas import Tissue
from spondyl.phantom.coarse import Coarse
from spondyl.phantom.shapes import Array, smooth_max, smooth_min

__all__ = [
    "CAGE_BACK",
    "CAGE_FRONT",
    "CAGE_SQUARE",
    "CAGE_WIDTH",
    "BodyStyle",
    "brain_case",
    "cage_outline",
    "outline",
    "paint_body",
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


def _skin(c: Coarse, s: BodyStyle) -> Array:
    """Distance to the skin: trunk and neck, and the head."""
    k = s.scale * (0.75 + 0.25 * s.girth)
    trunk = outline(c, c.profile(_FRONT) * k, c.profile(_BACK) * k, c.profile(_HALF_WIDTH) * k)
    top = c.height_of(-1.0)
    trunk = np.maximum(trunk, (c.z - top).astype(np.float32))
    head = c.blob(-3.4, (0, 22), (80 * s.scale, 99 * s.scale, 84 * s.scale))
    face = c.blob(-0.2, (0, 62), (62 * s.scale, 52 * s.scale, 82 * s.scale))
    skin = smooth_min(smooth_min(head, face, 20), trunk, 24)
    return smooth_min(skin, np.maximum(_erectors(c, s) - 9, (c.z - top).astype(np.float32)), 12)


def _muscle_and_fat(c: Coarse, s: BodyStyle, skin: Array, rng: np.random.Generator) -> Array:
    """Skin, fat below it, muscle with fatty septa; returns the distance to the inside of the fat."""
    fat = c.profile({-2: 4, 1: 5, 5: 6, 9: 9, 16: 11, 21: 15, 25: 19, 28: 22}) * np.float32(s.girth**1.6)
    fat = fat * (1 + 0.25 * c.noise(rng, 30)) * np.where(c.dy < 0, np.float32(0.75), np.float32(1))
    c.paint(skin, 10.0, Tissue.SKIN)
    c.paint(skin + 2.0, -105.0 + 6 * c.noise(rng, 8), Tissue.FAT)
    inner = smooth_min((skin + 2 + fat).astype(np.float32), np.maximum(_erectors(c, s), skin + 4), 6)
    c.paint(inner, 54 + 6 * c.noise(rng, 5, 2), Tissue.MUSCLE)
    sheets = np.minimum(np.abs(c.noise(rng, 7, 3)) * 11, np.abs(c.noise(rng, 11, 3)) * 16)
    wide = c.profile({1: 2.0, 7: 2.0, 12: 1.4, 25: 1.4}) * np.float32(0.35 + 0.75 * s.girth)
    c.paint(np.maximum(inner + 2.5, sheets - wide).astype(np.float32), -75.0, Tissue.FAT)
    return inner


def _erectors(c: Coarse, s: BodyStyle) -> Array:
    """The two long muscles beside the spinous processes."""
    aside = c.profile({1: 18, 7: 22, 12: 24, 19: 30, 24: 32}) * s.scale
    back = c.profile({1: -40, 7: -46, 12: -42, 19: -44, 24: -48}) * s.scale
    wide = c.profile({1: 22, 7: 26, 12: 28, 19: 36, 24: 36}) * s.scale
    deep = c.profile({1: 18, 7: 20, 12: 15, 19: 20, 24: 23}) * s.scale
    p, q = (np.abs(c.dx) - aside) / wide, (c.dy - back) / deep
    return np.asarray((np.sqrt(p * p + q * q) - 1) * deep, np.float32)


def _spine_bed(c: Coarse, s: BodyStyle) -> Array:
    """Muscle right behind and beside the spine, without gaps towards the lungs."""
    wide = c.profile({1: 30, 7: 34, 9: 40, 14: 38, 19: 44, 24: 60}) * s.scale
    deep = c.profile({1: 30, 7: 34, 14: 34, 19: 34, 24: 40}) * s.scale
    back = c.profile({1: -34, 7: -40, 14: -44, 19: -46, 24: -48}) * s.scale
    p, q = c.dx / wide, (c.dy - back) / deep
    return np.asarray((np.sqrt(p * p + q * q) - 1) * 30, np.float32)


def _body_column(c: Coarse, s: BodyStyle, margin: float) -> Array:
    """The vertebral bodies with what clings to them."""
    wide = c.profile({1: 9, 7: 11, 9: 12, 14: 14.5, 19: 20, 24: 25}) * s.scale + margin
    deep = c.profile({1: 8, 7: 9, 14: 13.5, 19: 16, 24: 18}) * s.scale + margin
    p, q = c.dx / wide, c.dy / deep
    return np.asarray((np.sqrt(p * p + q * q) - 1) * 15, np.float32)


def _domes(c: Coarse, s: BodyStyle, rng: np.random.Generator) -> Array:
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


def _lungs(c: Coarse, s: BodyStyle, cage: Array, above: Array, rng: np.random.Generator) -> None:
    """Both lungs with vessels."""
    centre = (c.dx + c.profile({8: 0, 12: 4, 16: 18, 18: 14}) * s.scale) / (
        c.profile({7: 30, 9: 36, 12: 40, 14: 52, 17: 66, 19: 50}) * s.scale
    )
    ahead = (c.dy - c.profile({8: 30, 12: 62, 17: 78}) * s.scale) / (
        c.profile({8: 40, 12: 78, 17: 84}) * s.scale
    )
    mediastinum = ((np.sqrt(centre**2 + ahead**2) - 1) * 35).astype(np.float32)
    lung = np.maximum(cage, -above)
    for other in (mediastinum, _spine_bed(c, s), _body_column(c, s, 4.0)):
        lung = smooth_max(lung, -other, 6)
    lung = lung + 1.2 * c.noise(rng, 9)
    base = -860 + 35 * c.noise(rng, 14) - np.clip(c.dy, -40, 120) * np.float32(0.45)
    c.paint(lung, base, Tissue.LUNG)
    first, second = c.noise(rng, 5.5), c.noise(rng, 5.5)
    reach = np.clip(1 - np.maximum(mediastinum, 0) / (75 * s.scale), 0.2, 1)
    vessel = np.sqrt(first**2 + second**2) * 8 - 4.4 * reach
    c.paint(np.maximum(vessel, lung + 1).astype(np.float32), 20 + 0.5 * s.blood_hu, Tissue.BLOOD)


def _mediastinum(c: Coarse, s: BodyStyle, rng: np.random.Generator) -> None:
    """Fat, heart, great vessels, oesophagus and airway."""
    k = s.scale
    heart = c.blob(15.2, (-22 * k, 72 * k), (52 * k, 42 * k, 50 * k)) + 4 * c.noise(rng, 12)
    chambers = np.clip(c.noise(rng, 13) * 2, -1, 1)
    c.paint(
        heart, (0.8 * s.blood_hu + 8 + (0.2 * s.blood_hu - 4) * chambers).astype(np.float32), Tissue.HEART
    )
    groove = np.maximum(heart + 1, np.abs(c.noise(rng, 14)) * 14 - 1.6).astype(np.float32)
    c.paint(groove, -60.0, Tissue.FAT)
    ahead: Mapping[float, float] = {6: 26, 8: 30, 10: 34, 12: 36}
    for aside, radius in ((-16, 5.5), (14, 7.5), (20, 6.0)):
        size = {1.5: radius * 0.7, 6: radius, 12: radius * 1.3}
        c.paint(
            c.column(ahead, {1: aside * 1.6, 8: aside * 1.3, 12: aside}, size) + 0.5, s.blood_hu, Tissue.BLOOD
        )
    arch = c.blob(11.2, (-10 * k, 38 * k), (15 * k, 42 * k, 13 * k))
    c.paint(arch, s.blood_hu, Tissue.BLOOD)
    c.paint(
        c.column({5: 15, 8: 17, 12: 24, 18: 26}, {5: -3, 12: -2, 18: -8}, {6: 7, 18: 8}, 1.3),
        34.0,
        Tissue.MUSCLE,
    )
    wall = c.column({5: 26, 8: 28, 12: 40}, {5: 0, 11: 2, 12: 3}, {5: 11, 12: 11})
    c.paint(wall, 45.0, Tissue.CARTILAGE)
    c.paint(wall + 2.5, -990.0, Tissue.GAS)


def _abdomen(c: Coarse, s: BodyStyle, inner: Array, above: Array, rng: np.random.Generator) -> None:
    """What lies below the diaphragm."""
    k = s.scale
    wall = (inner + 13 * k).astype(np.float32)
    behind = c.profile({17: 34, 20: 30, 23: 22, 26: 4}) * k - np.maximum(np.abs(c.dx) - 70 * k, 0) * 0.35
    cavity = np.maximum(np.maximum(wall, above + 3), -(c.dy + behind) + 3 * c.noise(rng, 10))
    pelvis_wide, pelvis_deep = (
        c.profile({22: 190, 24.5: 125, 26: 62, 31: 50}) * k,
        c.profile({22: 170, 26: 66}) * k,
    )
    pelvis = np.sqrt((c.dx / pelvis_wide) ** 2 + ((c.dy - 58 * k) / pelvis_deep) ** 2)
    cavity = smooth_max(cavity.astype(np.float32), ((pelvis - 1) * 45).astype(np.float32), 8)
    cavity = np.maximum(cavity, c.z - c.height_of(14))
    cavity = smooth_max(smooth_max(cavity, -_spine_bed(c, s), 6), -_body_column(c, s, 3.0), 5)
    c.paint(cavity, -98.0 + 8 * c.noise(rng, 6), Tissue.FAT)
    lumps = c.noise(rng, 9)
    bowel = np.maximum(cavity + 4, (0.05 - lumps) * 14)
    bowel = np.maximum(bowel, -(c.dy - 34 * k))
    bowel = np.maximum(bowel, c.z - c.height_of(19.5)).astype(np.float32)
    c.paint(bowel, 38.0 + 12 * c.noise(rng, 8), Tissue.BOWEL)
    gas = np.maximum(bowel + 3, (0.9 - c.noise(rng, 14)) * 14).astype(np.float32)
    c.paint(gas, -930.0, Tissue.GAS)
    liver = np.maximum(
        c.blob(18.6, (72 * k, 52 * k), (92 * k, 88 * k, 84 * k)) + 3 * c.noise(rng, 20), cavity
    )
    c.paint(liver, 58.0 + 0.25 * (s.blood_hu - 40), Tissue.LIVER)
    spleen = np.maximum(
        c.blob(18.4, (-98 * k, 12 * k), (30 * k, 46 * k, 52 * k)) + 2 * c.noise(rng, 15), cavity
    )
    c.paint(spleen, 50.0 + 0.4 * (s.blood_hu - 40), Tissue.SPLEEN)
    stomach = np.maximum(
        c.blob(18.6, (-52 * k, 82 * k), (52 * k, 36 * k, 60 * k)) + 4 * c.noise(rng, 18), cavity
    )
    c.paint(stomach, 35.0, Tissue.BOWEL)
    c.paint(np.maximum(stomach + 5, -(c.dy - 100 * k)).astype(np.float32), -950.0, Tissue.GAS)
    for side, place in ((1, 21.3), (-1, 20.8)):
        kidney = c.blob(place, (side * 70 * k, -4.0), (25 * k, 30 * k, 54 * k)) + 3 * c.noise(rng, 10)
        c.paint(kidney, s.kidney_hu, Tissue.KIDNEY)
        medulla = np.maximum(kidney + 7, (0.1 - c.noise(rng, 5)) * 8).astype(np.float32)
        c.paint(medulla, 30 + 0.55 * (s.kidney_hu - 30), Tissue.KIDNEY)
        sinus = c.blob(place, (side * 60 * k, 3.0), (14 * k, 9 * k, 26 * k)) + 5 * c.noise(rng, 6)
        c.paint(sinus, -40.0, Tissue.FAT)
        aside = {19.5: side * 20 * k, 21: side * 30 * k, 24: side * 46 * k, 27: side * 60 * k}
        psoas = c.column(
            {19.5: 2, 22: -2, 24: 4, 27: 40}, aside, {19.5: 5 * k, 21: 15 * k, 24: 24 * k, 27: 20 * k}
        )
        c.paint(psoas + 4 * c.noise(rng, 12, 2), 58.0, Tissue.MUSCLE)


def _trunk_vessels(c: Coarse, s: BodyStyle, rng: np.random.Generator) -> None:
    """Aorta and inferior vena cava in front of the spine."""
    k = s.scale
    aorta = c.column(
        {11: 10 * k, 14: 14 * k, 18: 24 * k, 21: 29 * k, 23.6: 30 * k},
        {11: -24 * k, 14: -22 * k, 18: -10 * k, 23.6: -5 * k},
        {11.2: 12.5 * k, 18: 11.5 * k, 23.6: 9 * k},
    )
    c.paint(aorta + 1.0 * c.noise(rng, 8), s.blood_hu, Tissue.BLOOD)
    cava = c.column(
        {16: 48 * k, 18: 36 * k, 21: 28 * k, 24: 27 * k},
        {16: 26 * k, 24: 18 * k},
        {16.5: 11 * k, 24: 9.5 * k},
        1.25,
    )
    c.paint(cava + 2.0 * c.noise(rng, 9), 20 + 0.5 * s.blood_hu, Tissue.BLOOD)


def _head(c: Coarse, s: BodyStyle, rng: np.random.Generator) -> None:
    """Brain and the air spaces of nose and throat."""
    k = s.scale
    brain = brain_case(c, k) + 6.5
    c.paint(brain, 34.0 + 3 * c.noise(rng, 6), Tissue.BRAIN)
    throat = c.column({-1: 30, 2: 22, 4: 18, 6: 24}, {1: 0, 6: 0}, {-0.5: 7, 2: 5, 4: 4.5, 6: 7}, 1.6)
    c.paint(throat, -980.0, Tissue.GAS)
    nose = c.blob(-1.2, (0, 70 * k), (16 * k, 36 * k, 15 * k))
    c.paint(nose + 5 * np.abs(np.sin(c.dx / np.float32(3.5))), -900.0, Tissue.GAS)


def paint_body(c: Coarse, s: BodyStyle, rng: np.random.Generator) -> Array:
    """Paint all soft tissue, from the skin inwards; returns the coarse distance to the skin."""
    skin = _skin(c, s)
    inner = _muscle_and_fat(c, s, skin, rng)
    cage = cage_outline(c, s.scale)
    above = _domes(c, s, rng)
    chest = np.maximum(cage, -above)
    chest = smooth_max(smooth_max(chest, -_spine_bed(c, s), 6), -_body_column(c, s, 2.0), 5)
    c.paint(chest, -85.0 + 20 * c.noise(rng, 6), Tissue.MEDIASTINUM)
    _abdomen(c, s, inner, above, rng)
    _lungs(c, s, cage, above, rng)
    _mediastinum(c, s, rng)
    _trunk_vessels(c, s, rng)
    _head(c, s, rng)
    return skin
