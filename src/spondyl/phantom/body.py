"""Soft tissue from the skin inwards."""

import numpy as np

from spondyl.phantom.canvas import Tissue
from spondyl.phantom.coarse import Coarse
from spondyl.phantom.figure import (
    BodyStyle,
    body_column,
    brain_case,
    cage_outline,
    domes,
    erectors,
    skin,
    spine_bed,
)
from spondyl.phantom.organs import paint_abdomen, paint_lungs, paint_mediastinum, paint_trunk_vessels
from spondyl.phantom.shapes import Array, smooth_max, smooth_min

__all__ = ["paint_body"]


def _muscle_and_fat(c: Coarse, s: BodyStyle, outside: Array, rng: np.random.Generator) -> Array:
    """Skin, fat below it, muscle with fatty septa; returns the distance to the inside of the fat."""
    fat = c.profile({-2: 4, 1: 5, 5: 6, 9: 9, 16: 11, 21: 15, 25: 19, 28: 22}) * np.float32(s.girth**1.6)
    fat = fat * (1 + 0.25 * c.noise(rng, 30)) * np.where(c.dy < 0, np.float32(0.75), np.float32(1))
    c.paint(outside, 10.0, Tissue.SKIN)
    c.paint(outside + 2.0, -105.0 + 6 * c.noise(rng, 8), Tissue.FAT)
    inner = smooth_min((outside + 2 + fat).astype(np.float32), np.maximum(erectors(c, s), outside + 4), 6)
    c.paint(inner, 54 + 6 * c.noise(rng, 5, 2), Tissue.MUSCLE)
    sheets = np.minimum(np.abs(c.noise(rng, 7, 3)) * 11, np.abs(c.noise(rng, 11, 3)) * 16)
    wide = c.profile({1: 2.0, 7: 2.0, 12: 1.4, 25: 1.4}) * np.float32(0.35 + 0.75 * s.girth)
    c.paint(np.maximum(inner + 2.5, sheets - wide).astype(np.float32), -75.0, Tissue.FAT)
    return inner


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
    outside = skin(c, s)
    inner = _muscle_and_fat(c, s, outside, rng)
    cage = cage_outline(c, s.scale)
    above = domes(c, s, rng)
    chest = np.maximum(cage, -above)
    chest = smooth_max(smooth_max(chest, -spine_bed(c, s), 6), -body_column(c, s, 2.0), 5)
    c.paint(chest, -85.0 + 20 * c.noise(rng, 6), Tissue.MEDIASTINUM)
    paint_abdomen(c, s, inner, above, rng)
    paint_lungs(c, s, cage, above, rng)
    paint_mediastinum(c, s, rng)
    paint_trunk_vessels(c, s, rng)
    _head(c, s, rng)
    return outside
