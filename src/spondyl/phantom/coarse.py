"""Smooth shapes are cheap on a coarse lattice: compute there, paint on the fine one."""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
from scipy import ndimage
from scipy.interpolate import PchipInterpolator

from spondyl.phantom.canvas import Box, Canvas, Tissue
from spondyl.phantom.plan import SpinePlan
from spondyl.phantom.shapes import Array, ellipsoid, noise_field
from spondyl.phantom.sizes import position_of

__all__ = ["Coarse", "interpolation_matrix", "table_at"]

_STEP_MM = 3.0
_ABOVE_MM, _BELOW_MM = 18.0, 28.0  # one unit of level position above C1 and below S2


def interpolation_matrix(line: Array, start: float, step: float, n: int) -> Array:
    """``(len(line), n)`` linear interpolation from ``start + step * arange(n)``; constant outside."""
    place = np.clip((line - start) / step, 0, n - 1 - 1e-4)
    low = place.astype(int)
    matrix = np.zeros((len(line), n), np.float32)
    rows = np.arange(len(line))
    matrix[rows, low] = 1 - (place - low)
    matrix[rows, low + 1] += place - low
    return matrix


def table_at(table: Mapping[float, float], places: npt.ArrayLike) -> Array:
    """A measure given at some level positions, smoothly at others; constant beyond the ends."""
    knots = np.array(list(table))
    curve = PchipInterpolator(knots, np.array(list(table.values())))
    return np.asarray(curve(np.clip(places, knots[0], knots[-1])), np.float32)


class Coarse:
    """A 3 mm lattice over a canvas, with coordinates that follow the spine.

    Attributes:
        canvas: The fine canvas.
        x: World x, shape ``(nx, 1, 1)``; ``y`` ``(1, ny, 1)``, ``z`` ``(1, 1, nz)`` likewise.
        level: Level position at every height ``(1, 1, nz)``: 1 C1 ... 24 L5, 25 S1.
        dx: Distance to the right of the spine ``(nx, 1, nz)``.
        dy: Distance in front of the centres of the bodies ``(1, ny, nz)``.
    """

    def __init__(self, canvas: Canvas, plan: SpinePlan) -> None:
        self.canvas = canvas
        self.start = np.array([line[0] - 1.5 for line in canvas.lines])
        last = np.array([line[-1] + 1.5 for line in canvas.lines])
        self.shape = tuple(
            int(n) for n in np.maximum(np.ceil((last - self.start) / _STEP_MM).astype(int) + 1, 3)
        )
        x, y, z = (
            (s + _STEP_MM * np.arange(n)).astype(np.float32)
            for s, n in zip(self.start, self.shape, strict=True)
        )
        self.x, self.y, self.z = x[:, None, None], y[None, :, None], z[None, None, :]
        self._follow(plan)
        level, xs, ys = self.at_height(z)
        self.level = level[None, None, :]
        self.dx, self.dy = self.x - xs[None, None, :], self.y - ys[None, None, :]
        heights = np.arange(self._heights[0] - 150, self._heights[-1] + 150, _STEP_MM)
        _, xs, ys = self.at_height(heights)
        self._smooth = (heights, ndimage.gaussian_filter1d(xs, 25), ndimage.gaussian_filter1d(ys, 12))

    def _follow(self, plan: SpinePlan) -> None:
        """Tables from height to level position and spine."""
        centres = np.vstack([plan.centres_mm, plan.tail_mm])
        places = [position_of(level.label) for level in plan.levels] + [26.9, 27.6, 28.2]
        order = np.argsort(centres[:, 2])
        self._heights, self._centres = centres[order, 2], centres[order]
        self._places = np.array(places)[order]

    def at_height(self, z: npt.ArrayLike) -> tuple[Array, Array, Array]:
        """Level position and the spine's x and y at world heights."""
        z = np.asarray(z, float)
        place = np.interp(z, self._heights, self._places)
        place = place - np.maximum(z - self._heights[-1], 0) / _ABOVE_MM
        place = place + np.maximum(self._heights[0] - z, 0) / _BELOW_MM
        x, y = (np.interp(z, self._heights, self._centres[:, axis]) for axis in (0, 1))
        return place.astype(np.float32), x.astype(np.float32), y.astype(np.float32)

    def height_of(self, place: float) -> float:
        """World height of a level position."""
        order = np.argsort(self._places)
        z = float(np.interp(place, self._places[order], self._heights[order]))
        z += max(self._places.min() - place, 0) * _ABOVE_MM
        return float(z - max(place - self._places.max(), 0) * _BELOW_MM)

    def profile(self, table: Mapping[float, float]) -> Array:
        """A measure given at some level positions, at every height ``(1, 1, nz)``, smoothly."""
        return table_at(table, self.level)

    def midline(self, z: npt.ArrayLike) -> tuple[Array, Array]:
        """The spine's x and y at world heights, smoothed over 5-10 cm: the trunk's own axis."""
        heights, xs, ys = self._smooth
        z = np.asarray(z, float)
        return np.interp(z, heights, xs).astype(np.float32), np.interp(z, heights, ys).astype(np.float32)

    def noise(self, rng: np.random.Generator, scale_mm: float, stretch_z: float = 1.0) -> Array:
        """Smooth noise of standard deviation 1 on the coarse lattice."""
        scale = scale_mm / _STEP_MM
        return noise_field(rng, self.shape, (scale, scale, scale * stretch_z))

    def fine(self, values: Array, box: Box | None = None) -> Array:
        """Coarse values interpolated to the canvas voxels of ``box``."""
        values = np.broadcast_to(values, self.shape).astype(np.float32, copy=False)
        box = box or (slice(None), slice(None), slice(None))
        lines = [line[s] for line, s in zip(self.canvas.lines, box, strict=True)]
        lows, parts = [], []
        for line, start, n in zip(lines, self.start, self.shape, strict=True):
            low = max(int((line[0] - start) // _STEP_MM), 0)
            high = min(int((line[-1] - start) // _STEP_MM) + 2, n)
            lows.append(slice(low, high))
            parts.append(interpolation_matrix(line, start + low * _STEP_MM, _STEP_MM, high - low))
        out = values[lows[0], lows[1], lows[2]]
        out = np.tensordot(parts[0], out, (1, 0))
        out = np.matmul(parts[1][None], out)
        return np.asarray(np.matmul(out, parts[2].T), np.float32)

    def box_of(self, distance: Array, margin_mm: float = 2.0) -> Box | None:
        """The canvas box around everything nearer than ``margin_mm`` to a coarse shape."""
        inside = np.broadcast_to(distance, self.shape) < margin_mm
        if not inside.any():
            return None
        low, high = [], []
        for axis in range(3):
            hits = np.flatnonzero(inside.any(axis=tuple(a for a in range(3) if a != axis)))
            low.append(self.start[axis] + (hits[0] - 1) * _STEP_MM)
            high.append(self.start[axis] + (hits[-1] + 1) * _STEP_MM)
        return self.canvas.box(low, high)

    def paint(self, distance: Array, hu: float | Array, tissue: Tissue) -> None:
        """Paint a coarse signed distance on the canvas.

        Args:
            distance: Broadcastable to the coarse lattice, mm, negative inside.
            hu: One value, or values on the coarse lattice.
            tissue: What it is.
        """
        box = self.box_of(distance)
        if box is not None:
            value = self.fine(hu, box) if isinstance(hu, np.ndarray) else hu
            self.canvas.paint(box, self.fine(distance, box), value, tissue)

    def bone(self, distance: Array, shell_mm: float, spongy_hu: float) -> None:
        """Merge a coarse signed distance with the canvas' bones."""
        box = self.box_of(distance, 6.0)
        if box is not None:
            self.canvas.add_bone(box, self.fine(distance, box), shell_mm, spongy_hu)

    def column(
        self,
        ahead: Mapping[float, float],
        aside: Mapping[float, float],
        radius: Mapping[float, float],
        flat: float = 1.0,
    ) -> Array:
        """A vertical tube beside the spine, between the first and last level position of ``radius``.

        Args:
            ahead: Level position to distance in front of the bodies' centres.
            aside: Level position to distance to the right.
            radius: Level position to radius.
            flat: Width over depth.
        """
        p = (self.dx - self.profile(aside)) / np.float32(flat)
        q = self.dy - self.profile(ahead)
        size = self.profile(radius)
        tube = np.sqrt(p * p + q * q) - size
        first, *_, last = radius
        ends = np.maximum(self.z - self.height_of(first), self.height_of(last) - self.z)
        return np.asarray(np.maximum(tube, ends), np.float32)

    def blob(self, place: float, centre: tuple[float, float], radii: tuple[float, float, float]) -> Array:
        """An ellipsoid at a level position; centre right of and in front of the spine there."""
        z = self.height_of(place)
        _, xs, ys = self.at_height(np.array([z]))
        middle = (float(xs[0]) + centre[0], float(ys[0]) + centre[1], z)
        return ellipsoid(self.x, self.y, self.z, middle, radii)
