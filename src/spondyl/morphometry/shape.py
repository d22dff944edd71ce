"""One vertebra's shape: frame, walls and endplates, found in rounds."""

from dataclasses import dataclass

import numpy as np

from spondyl.anatomy import label_of
from spondyl.morphometry.body import Walls, find_walls
from spondyl.morphometry.endplates import Edge, Endplate, find_endplates
from spondyl.morphometry.frame import FloatArray, Frame, first_frame
from spondyl.morphometry.sampling import Sampler

__all__ = ["Shape", "find_shape"]

_LARGEST_TURN_DEG = 35.0
_C2, _S1 = label_of("C2"), label_of("S1")


@dataclass(frozen=True, eq=False)
class Shape:
    """Where a vertebral body is and where it ends.

    Attributes:
        label: VerSe number.
        frame: Its axes; up bisects the endplates' normals (one endplate: perpendicular to it).
        walls: Extent in the frame.
        lower: Lower endplate, ``None`` where there is none (S1) or it could not be found.
        upper: Upper endplate, ``None`` where there is none (C2) or it could not be found.
        walls_shown: Whether front and sides lie in the image with 1 mm to spare.
        spacing_up_mm: The scan's voxel size along up.
        spacing_front_mm: The same along front.
        spacing_mm: The scan's voxel size, geometric mean.
    """

    label: int
    frame: Frame
    walls: Walls
    lower: Endplate | None
    upper: Endplate | None
    walls_shown: bool
    spacing_up_mm: float
    spacing_front_mm: float
    spacing_mm: float

    def normal_mm(self, plate: Endplate) -> FloatArray:
        """Upward unit normal of an endplate in the world."""
        return np.asarray(self.frame.axes @ plate.normal)


def find_shape(
    sampler: Sampler, centroid_mm: tuple[float, float, float], direction: FloatArray, edge: Edge = "hu"
) -> Shape | None:
    """Find one vertebral body in its mask.

    Three rounds: the first uses the spine's direction; the others turn the frame to the endplates found.

    Args:
        sampler: The surroundings of the vertebra.
        centroid_mm: Centre of the body, some mm of error are allowed.
        direction: The spine's direction there, towards the head.
        edge: What places the endplates.

    Returns:
        ``None`` when there is no mask near the centroid.
    """
    frame = first_frame(centroid_mm, direction, sampler.own_points_mm)
    found = _parts(sampler, frame, edge)
    for _ in range(2):
        if found is None:
            return None
        frame = _turned(frame, *found)
        found = _parts(sampler, frame, edge)
    if found is None:
        return None
    spacing = float(np.prod(sampler.grid.spacing_mm) ** (1 / 3))
    beyond = _beyond(found[0], sacral=sampler.label == _S1)
    shown = bool(sampler.grid.contains(frame.to_world(beyond)).all())
    up_mm, front_mm = (sampler.spacing_along_mm(direction) for direction in (frame.up, frame.front))
    return Shape(sampler.label, frame, *found, shown, up_mm, front_mm, spacing)


def _beyond(walls: Walls, *, sacral: bool) -> FloatArray:
    """Points 1 mm outside of front and sides near the endplates, ``(n, 3)`` in the frame."""
    u, v, _ = walls.centre
    places = [(walls.left - 1, v), (walls.right + 1, v), (u, walls.front + 1)]
    top, bottom = walls.top - 0.1 * walls.height, walls.bottom + 0.1 * walls.height
    heights = [top] if sacral else [bottom, top]
    return np.array([(*place, w) for place in places for w in heights])


def _parts(
    sampler: Sampler, frame: Frame, edge: Edge
) -> tuple[Walls, Endplate | None, Endplate | None] | None:
    """Walls, lower and upper endplate in a frame; ``None`` without a body."""
    walls = find_walls(sampler, frame)
    if walls is None:
        return None
    lower, upper = find_endplates(sampler, frame, walls, edge)
    return walls, None if sampler.label == _S1 else lower, None if sampler.label == _C2 else upper


def _turned(frame: Frame, walls: Walls, lower: Endplate | None, upper: Endplate | None) -> Frame:
    """A frame at the middle of the walls whose up bisects the endplates found."""
    normals = [plate.normal for plate in (lower, upper) if plate is not None]
    up = frame.up
    if normals:
        wanted = frame.axes @ np.sum(normals, axis=0)
        wanted /= np.linalg.norm(wanted)
        if wanted @ up > np.cos(np.radians(_LARGEST_TURN_DEG)):
            up = wanted
    return Frame.looking(frame.to_world(walls.centre), up, frame.front)
