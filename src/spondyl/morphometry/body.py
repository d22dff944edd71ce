"""The vertebral body: its walls, apart from pedicles, arch and processes."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from spondyl.anatomy import label_of
from spondyl.morphometry.frame import FloatArray, Frame
from spondyl.morphometry.sampling import Block, Sampler

__all__ = ["Walls", "find_walls"]

_STEP_MM = 0.75
_MIDLINE_MM = 4.0  # half the width of the strip on which front, back and middle are looked for
_WIDEST = 1.6  # largest ratio of width to depth of a body (lumbar: about 1.45)
_WIDEST_S1 = 0.8  # beside that, the sacrum's endplate passes into its wings
_S1 = label_of("S1")


@dataclass(frozen=True)
class Walls:
    """Extent of a body in its vertebra's frame, mm from the origin.

    Attributes:
        left: Negative.
        right: Positive.
        back: Negative: the front wall of the spinal canal.
        front: Positive.
        bottom: Negative: lower endplate on the midline, by the mask.
        top: Positive: upper endplate on the midline, by the mask.
    """

    left: float
    right: float
    back: float
    front: float
    bottom: float
    top: float

    @property
    def centre(self) -> FloatArray:
        """Middle of the body, ``(3,)``."""
        return np.array([self.left + self.right, self.back + self.front, self.bottom + self.top]) / 2

    @property
    def depth(self) -> float:
        """From front to back."""
        return self.front - self.back

    @property
    def width(self) -> float:
        """From side to side."""
        return self.right - self.left

    @property
    def height(self) -> float:
        """From endplate to endplate."""
        return self.top - self.bottom


def find_walls(sampler: Sampler, frame: Frame) -> Walls | None:
    """Walk from the frame's origin through the mask to all six walls.

    Front and back are looked for on the midline, where the spinal canal ends the body behind;
    the sides before the middle of the body, where no pedicle leaves it. Bodies are waisted, so
    that all four are the outermost positions over the body's height, spurs at the rims excepted.

    Returns:
        ``None`` when the mask is empty at the origin and around it.
    """
    reach = np.arange(-36, 36 + 1e-6, _STEP_MM)
    strip = np.arange(-_MIDLINE_MM, _MIDLINE_MM + 1e-6, _STEP_MM)
    plane = sampler.block(frame, strip, reach, reach)
    inside = np.median(plane.mask, axis=0)  # (front-back, up-down) on the midline
    start = _nearest_inside(plane, inside)
    if start is None:
        return None
    v0, w0 = start
    bottom, top = _run(inside[v0], w0, reach)
    levels = np.abs(reach - (top + bottom) / 2) <= 0.42 * (top - bottom)
    fronts, backs = zip(*(_run(row, v0, reach)[::-1] for row in inside[:, levels].T), strict=True)
    front, back = float(np.percentile(fronts, 95)), float(np.percentile(backs, 10))
    ahead = np.linspace((front + back) / 2, front - 0.3 * (front - back), 5)
    slab = sampler.block(frame, reach, ahead, reach[levels])
    across = np.median(slab.mask, axis=1)
    u0 = int(np.argmin(np.abs(reach)))
    sides = np.array([_run(row, u0, reach) for row in across.T])
    most = (_WIDEST_S1 if sampler.label == _S1 else _WIDEST) * (front - back) / 2
    left = max(float(np.percentile(sides[:, 0], 20)), -most)
    right = min(float(np.percentile(sides[:, 1], 80)), most)
    walls = Walls(left, right, back, front, bottom, top)
    return walls if min(walls.width, walls.depth, walls.height) > 3 else None


def _nearest_inside(plane: Block, inside: npt.NDArray[np.float32]) -> tuple[int, int] | None:
    """Indices of the place in the mask on the midline nearest to the origin, at most 8 mm away."""
    distance = np.hypot(plane.v[:, None], plane.w[None, :])
    distance[inside < 0.5] = np.inf
    v0, w0 = np.unravel_index(int(np.argmin(distance)), distance.shape)
    return (int(v0), int(w0)) if distance[v0, w0] <= 8 else None


def _run(profile: npt.NDArray[np.float32], start: int, positions: FloatArray) -> tuple[float, float]:
    """Both ends of the run inside the mask that holds ``start``; twice ``start`` when it is outside."""
    outside = profile < 0.5
    if outside[start]:
        return float(positions[start]), float(positions[start])
    after = np.flatnonzero(outside[start:])
    before = np.flatnonzero(outside[start::-1])
    high = float(positions[-1]) if not len(after) else _cross(profile, start + int(after[0]), -1, positions)
    low = float(positions[0]) if not len(before) else _cross(profile, start - int(before[0]), 1, positions)
    return low, high


def _cross(profile: npt.NDArray[np.float32], out: int, inwards: int, positions: FloatArray) -> float:
    """Where a profile passes 0.5 between ``out`` and its neighbour inside."""
    a, b = float(profile[out]), float(profile[out + inwards])
    share = (0.5 - a) / (b - a)
    return float(positions[out] + share * (positions[out + inwards] - positions[out]))
