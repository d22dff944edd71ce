"""A vertebra's own axes: right, front and up."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from spondyl.spine import Spine

__all__ = ["FloatArray", "Frame", "first_frame", "spine_directions"]

FloatArray = npt.NDArray[np.float64]

_LEAST_LEVER_MM = 2.0


@dataclass(frozen=True, eq=False)
class Frame:
    """Where a vertebra is and how it is turned.

    Attributes:
        origin_mm: ``(3,)`` RAS+ mm, in the middle of the body.
        axes: ``(3, 3)``; columns are the vertebra's right, front and up in the world, orthonormal.
    """

    origin_mm: FloatArray
    axes: FloatArray

    @classmethod
    def looking(cls, origin_mm: npt.ArrayLike, up: npt.ArrayLike, front: npt.ArrayLike) -> "Frame":
        """A frame from an up direction and a rough front direction."""
        upward = _unit(np.asarray(up, float))
        forward = np.asarray(front, float)
        forward = _unit(forward - (forward @ upward) * upward)
        axes = np.stack([np.cross(forward, upward), forward, upward], axis=1)
        return cls(np.asarray(origin_mm, float), axes)

    @property
    def up(self) -> FloatArray:
        """Unit vector towards the head."""
        return np.asarray(self.axes[:, 2])

    @property
    def front(self) -> FloatArray:
        """Unit vector towards the front."""
        return np.asarray(self.axes[:, 1])

    def to_world(self, points: npt.ArrayLike) -> FloatArray:
        """Points ``(..., 3)`` in mm right, front and up of the origin to RAS+ mm."""
        return np.asarray(np.asarray(points, float) @ self.axes.T + self.origin_mm)

    def to_local(self, points_mm: npt.ArrayLike) -> FloatArray:
        """RAS+ mm ``(..., 3)`` to mm right, front and up of the origin."""
        return np.asarray((np.asarray(points_mm, float) - self.origin_mm) @ self.axes)


def spine_directions(spine: Spine) -> FloatArray:
    """Direction of the spine at every vertebra, towards the head: ``(n, 3)`` unit vectors.

    A vertebra's direction is that from its lower to its upper neighbour; a single vertebra stands
    upright.
    """
    points = spine.centroids_mm
    if len(points) < 2:
        return np.tile([0.0, 0.0, 1.0], (len(points), 1))
    padded = np.vstack([points[:1], points, points[-1:]])
    steps = padded[:-2] - padded[2:]
    return np.asarray(steps / np.maximum(np.linalg.norm(steps, axis=1, keepdims=True), 1e-9))


def first_frame(centroid_mm: npt.ArrayLike, direction: FloatArray, mask_points_mm: FloatArray) -> Frame:
    """A first guess from the spine's direction and the side on which the arch lies.

    Args:
        centroid_mm: Centre of the body.
        direction: The spine's direction there, towards the head.
        mask_points_mm: ``(n, 3)`` centres of the vertebra's voxels. Their mean lies behind the
            body's centre, because of the arch. Where it does not, front is the patient's front.
    """
    centre = np.asarray(centroid_mm, float)
    lever = centre - mask_points_mm.mean(axis=0)
    lever = lever - (lever @ direction) * direction
    patient = np.array([0.0, 1.0, 0.0])
    if np.linalg.norm(lever) < _LEAST_LEVER_MM or lever @ patient < 0:
        lever = patient
    return Frame.looking(centre, direction, lever)


def _unit(vector: FloatArray) -> FloatArray:
    return np.asarray(vector / np.linalg.norm(vector))
