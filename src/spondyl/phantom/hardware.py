"""Things that are not the patient: table, screws, rods, cages, fillings, and the streaks metal makes."""

from itertools import pairwise

import numpy as np
import numpy.typing as npt
from scipy import fft

from spondyl.phantom.canvas import Canvas, Solid, Tissue
from spondyl.phantom.coarse import Coarse
from spondyl.phantom.plan import Level, SpinePlan
from spondyl.phantom.shapes import Array

__all__ = ["add_streaks", "paint_metal", "paint_table"]

_METAL_HU = 6000.0


def paint_table(canvas: Canvas, skin: Array, c: Coarse, rng: np.random.Generator) -> None:
    """A curved table top below the back: two thin shells with foam between them.

    Args:
        canvas: Only its air is painted over.
        skin: Coarse distance to the patient's skin.
        c: The coarse lattice.
        rng: Source of randomness.
    """
    inside = (np.broadcast_to(skin, c.shape) < 0).any(axis=(0, 2))
    if not inside.any():
        return
    top = float(c.y[0, np.flatnonzero(inside)[0], 0]) - float(rng.uniform(1, 6))
    middle = float(c.midline(np.array([canvas.z.mean()]))[0][0]) + float(rng.uniform(-15, 15))
    bend, thick = float(rng.uniform(0.0002, 0.0011)), float(rng.uniform(12, 40))
    x, y = canvas.x[:, None, None] - np.float32(middle), canvas.y[None, :, None]
    below = (top + bend * x * x - y).astype(np.float32)
    edge = np.abs(x) - np.float32(235)
    wall = np.float32(rng.uniform(0.7, 1.6))
    air = canvas.tissue == Tissue.AIR
    foam = np.maximum(np.maximum(-below, below - thick), edge)
    shells = np.maximum(np.minimum(np.abs(below), np.abs(below - thick)) - wall, edge)
    for distance, hu in ((foam, float(rng.uniform(-960, -880))), (shells, float(rng.uniform(0, 700)))):
        alpha = np.clip(0.5 - distance / np.float32(canvas.edge_mm), 0, 1) * air
        canvas.hu += alpha * (np.float32(hu) - canvas.hu)
        canvas.tissue[alpha > 0.5] = Tissue.TABLE


def _metal_rod(canvas: Canvas, metal: Array, a: npt.ArrayLike, b: npt.ArrayLike, radius: float) -> None:
    """Mark a rod between two world points in ``metal`` (share of each voxel, 0-1)."""
    start, end = np.asarray(a, float), np.asarray(b, float)
    middle = (start + end) / 2
    reach = np.abs(end - start) / 2 + radius + 2
    solid = Solid(canvas, middle, np.eye(3), -reach, reach)
    if solid.box is not None:
        solid.rod(start - middle, end - middle, (radius, radius), blend_mm=0)
        share = np.clip(0.5 - solid.distance / np.float32(canvas.edge_mm), 0, 1)
        metal[solid.box] = np.maximum(metal[solid.box], share)


def _screw(canvas: Canvas, metal: Array, level: Level, side: int) -> npt.NDArray[np.float64]:
    """One pedicle screw; returns where its head is."""
    s, half = level.sizes, level.sizes.depth / 2
    up = s.pedicle_up * level.heights_mm[2] / 2
    x = s.canal_width / 2 + s.pedicle_width / 2
    local = np.array(
        [[side * (x + 2), -half - s.canal_depth - 5, up + 1], [side * x * 0.6, half * 0.35, up * 0.7]]
    )
    head, tip = level.centre_mm + local @ level.axes.T
    _metal_rod(canvas, metal, head, tip, 2.6)
    outer = head + (head - tip) / np.linalg.norm(head - tip) * 7
    _metal_rod(canvas, metal, head, outer, 5.0)
    return np.asarray(outer)


def paint_metal(canvas: Canvas, plan: SpinePlan, near: int, rng: np.random.Generator) -> Array:
    """Screws with rods, a cage between two bodies, or, high in the neck, a few fillings in the teeth.

    Args:
        canvas: Its ``hu`` and ``tissue`` are changed; labels are kept, as a screw lies in its vertebra.
        plan: The spine.
        near: Index of the level around which to operate.
        rng: Source of randomness.

    Returns:
        Share of metal per voxel, 0-1.
    """
    metal = np.zeros(canvas.grid.shape, np.float32)
    count = int(rng.integers(2, 5))
    start = int(np.clip(near - count // 2, 8, len(plan.levels) - 2 - count))
    levels = plan.levels[start : start + count]
    kind = rng.random()
    if kind < 0.75:
        for side in (-1, 1):
            heads = [_screw(canvas, metal, level, side) for level in levels]
            ends = [
                heads[0] + (heads[0] - heads[1]) * 0.25,
                *heads,
                heads[-1] + (heads[-1] - heads[-2]) * 0.25,
            ]
            for a, b in pairwise(ends):
                _metal_rod(canvas, metal, a, b, 2.9)
    if kind > 0.5:
        upper, lower = levels[0], levels[1]
        for side in (-1, 1):
            middle = (upper.centre_mm + lower.centre_mm) / 2
            across, ahead = upper.axes[:, 0] * side * upper.sizes.width * 0.2, upper.axes[:, 1] * 8
            _metal_rod(canvas, metal, middle + across + ahead, middle + across - ahead, 4.0)
    base, k = plan.levels[0].centre_mm, plan.scale
    for _ in range(int(rng.integers(1, 5))):
        tooth = base + np.array([rng.choice([-1, 1]) * rng.uniform(17, 25), rng.uniform(60, 76), -11.0]) * k
        _metal_rod(canvas, metal, tooth, tooth + np.array([0, 3, 0]), 2.6)
    canvas.hu += metal * (np.float32(_METAL_HU) - canvas.hu)
    canvas.tissue[metal > 0.5] = Tissue.METAL
    return metal


def add_streaks(
    hu: Array, metal: Array, spacing_mm: tuple[float, float, float], rng: np.random.Generator
) -> None:
    """Bright and dark rays from metal within each slice, in place.

    Every metal voxel sends rays in fixed random directions that fade with distance; their sum over
    directions is zero, as what one view misses another one overestimates.
    """
    slices = np.flatnonzero(metal.max(axis=(0, 1)) > 0.3)
    if not len(slices):
        return
    shape = metal.shape[:2]
    size = [fft.next_fast_len(2 * n, real=True) for n in shape]
    x = (fft.fftfreq(size[0]) * size[0] * spacing_mm[0]).astype(np.float32)[:, None]
    y = (fft.fftfreq(size[1]) * size[1] * spacing_mm[1]).astype(np.float32)[None, :]
    radius = np.sqrt(x * x + y * y)
    rays = np.zeros(radius.shape, np.float32)
    for angle in rng.uniform(0, np.pi, 26):
        across = x * np.float32(np.sin(angle)) - y * np.float32(np.cos(angle))
        width = 0.7 + 0.02 * radius
        rays += np.float32(rng.normal()) * np.exp(-((across / width) ** 2)) / (radius + 6)
    rays -= (rays * (radius < 60)).sum() / (radius < 60).sum()
    kernel = fft.rfft2(rays * np.exp(-radius / 90), size)
    for k in slices:
        spread = fft.irfft2(fft.rfft2(metal[:, :, k], size) * kernel, size)[: shape[0], : shape[1]]
        strength = 900.0 / np.sqrt(float(metal[:, :, k].sum()) + 20)
        hu[:, :, k] += np.clip(spread * strength, -500, 700).astype(np.float32) * (1 - metal[:, :, k])
