"""Lungs, mediastinum, abdomen and the great vessels."""

from collections.abc import Mapping

import numpy as np

from spondyl.phantom.canvas import Tissue
from spondyl.phantom.coarse import Coarse
from spondyl.phantom.figure import BodyStyle, body_column, spine_bed
from spondyl.phantom.shapes import Array, smooth_max, smooth_min

__all__ = ["paint_abdomen", "paint_lungs", "paint_mediastinum", "paint_trunk_vessels"]


def paint_lungs(c: Coarse, s: BodyStyle, cage: Array, above: Array, rng: np.random.Generator) -> None:
    """Both lungs with vessels."""
    centre = (c.dx + c.profile({8: 0, 12: 4, 16: 18, 18: 14}) * s.scale) / (
        c.profile({7: 30, 9: 36, 12: 40, 14: 52, 17: 66, 19: 50}) * s.scale
    )
    ahead = (c.dy - c.profile({8: 30, 12: 62, 17: 78}) * s.scale) / (
        c.profile({8: 40, 12: 78, 17: 84}) * s.scale
    )
    mediastinum = ((np.sqrt(centre**2 + ahead**2) - 1) * 35).astype(np.float32)
    lung = np.maximum(cage, -above)
    for other in (mediastinum, spine_bed(c, s), body_column(c, s, 4.0)):
        lung = smooth_max(lung, -other, 6)
    lung = lung + 1.2 * c.noise(rng, 9)
    base = -860 + 35 * c.noise(rng, 14) - np.clip(c.dy, -40, 120) * np.float32(0.45)
    c.paint(lung, base, Tissue.LUNG)
    first, second = c.noise(rng, 5.5), c.noise(rng, 5.5)
    reach = np.clip(1 - np.maximum(mediastinum, 0) / (75 * s.scale), 0.2, 1)
    vessel = np.sqrt(first**2 + second**2) * 8 - 4.4 * reach
    c.paint(np.maximum(vessel, lung + 1).astype(np.float32), 20 + 0.5 * s.blood_hu, Tissue.BLOOD)


def paint_mediastinum(c: Coarse, s: BodyStyle, rng: np.random.Generator) -> None:
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
    ahead, size = {11.5: 40, 13.6: 34}, {11.6: 10, 13.6: 7.5}
    right, left = (c.column(ahead, {11.5: side * 2, 13.6: side * 30 * k}, size) for side in (1, -1))
    c.paint(smooth_min(right, left, 3), 40.0, Tissue.CARTILAGE)
    for airway in (wall, right, left):
        c.paint(airway + 2.5, -990.0, Tissue.GAS)


def paint_abdomen(c: Coarse, s: BodyStyle, inner: Array, above: Array, rng: np.random.Generator) -> None:
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
    cavity = smooth_max(smooth_max(cavity, -spine_bed(c, s), 6), -body_column(c, s, 3.0), 5)
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


def paint_trunk_vessels(c: Coarse, s: BodyStyle, rng: np.random.Generator) -> None:
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
