"""Signed distances of simple solids, in mm, negative inside. Vectorised over coordinate arrays.

Distances are exact for round capsules and first-order (value over gradient length) for flattened
ones, which is all that soft edges and bone shells of a millimetre or two need.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

__all__ = ["Array", "capsule", "ellipsoid", "noise_field", "smooth_max", "smooth_min"]

Array = npt.NDArray[np.float32]
_TINY = np.float32(1e-4)


def smooth_min(a: Array, b: Array, blend_mm: float) -> Array:
    """Union of two solids with a fillet of about ``blend_mm`` (Quilez' polynomial smooth minimum)."""
    if blend_mm <= 0:
        return np.minimum(a, b)
    h = np.maximum(blend_mm - np.abs(a - b), 0)
    return np.asarray(np.minimum(a, b) - h * h * np.float32(0.25 / blend_mm), np.float32)


def smooth_max(a: Array, b: Array, blend_mm: float) -> Array:
    """Intersection of two solids with a rounded edge of about ``blend_mm``."""
    return -smooth_min(-a, -b, blend_mm)


def capsule(
    u: Array,
    v: Array,
    w: Array,
    ends: tuple[Sequence[float], Sequence[float]],
    radii: tuple[float, float],
    stretch: Sequence[float] = (1, 1, 1),
) -> Array:
    """Distance to a tapered rod with round ends.

    Args:
        u: First coordinate of the points, mm; ``v`` and ``w`` likewise.
        v: Second coordinate.
        w: Third coordinate.
        ends: The two end points of its axis.
        radii: Radius at each end.
        stretch: Factor by which the radius grows along each coordinate (a flattened rod).
    """
    s = np.asarray(stretch, np.float32)
    a, b = (np.asarray(end, np.float32) / s for end in ends)
    axis = b - a
    length2 = max(float(axis @ axis), 1e-6)
    p, q, r = u / s[0] - a[0], v / s[1] - a[1], w / s[2] - a[2]
    along = np.clip((p * axis[0] + q * axis[1] + r * axis[2]) / np.float32(length2), 0, 1)
    p, q, r = p - along * axis[0], q - along * axis[1], r - along * axis[2]
    norm = np.sqrt(p * p + q * q + r * r) + _TINY
    inside = norm - (np.float32(radii[0]) + np.float32(radii[1] - radii[0]) * along)
    if np.ptp(s) == 0:
        return np.asarray(inside * s[0], np.float32)
    slope = np.sqrt((p / s[0]) ** 2 + (q / s[1]) ** 2 + (r / s[2]) ** 2) + _TINY
    return np.asarray(inside * norm / slope, np.float32)


def ellipsoid(u: Array, v: Array, w: Array, centre: Sequence[float], radii: Sequence[float]) -> Array:
    """First-order distance to an axis-parallel ellipsoid."""
    p, q, r = ((x - np.float32(c)) / np.float32(h) for x, c, h in zip((u, v, w), centre, radii, strict=True))
    norm = np.sqrt(p * p + q * q + r * r) + _TINY
    h = np.asarray(radii, np.float32)
    slope = np.sqrt((p / h[0]) ** 2 + (q / h[1]) ** 2 + (r / h[2]) ** 2) + _TINY
    return np.asarray((norm - 1) * norm / slope, np.float32)


def noise_field(rng: np.random.Generator, shape: Sequence[int], scale_vox: float | Sequence[float]) -> Array:
    """Smooth random field of mean 0 and standard deviation 1.

    Args:
        rng: Source of randomness.
        shape: Voxels along each axis.
        scale_vox: Standard deviation of the Gaussian that smooths it.
    """
    from scipy import ndimage

    field = rng.standard_normal(shape, dtype=np.float32)
    field = ndimage.gaussian_filter(field, scale_vox, mode="wrap", truncate=2.5)
    return np.asarray((field - field.mean()) / max(float(field.std()), 1e-6), np.float32)
