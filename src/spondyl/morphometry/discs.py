"""Height and wedge of the discs."""

from collections.abc import Mapping
from typing import Final

import numpy as np

from spondyl.morphometry.endplates import Endplate
from spondyl.morphometry.frame import FloatArray
from spondyl.morphometry.heights import PLACES, is_whole, landmark_mm, plate_sd_mm
from spondyl.morphometry.result import Measurement
from spondyl.morphometry.shape import Shape
from spondyl.spine import Flag

__all__ = ["DISC_VALUES", "cross", "measure_disc", "refused_disc"]

DISC_VALUES: Final = {
    "height_anterior": "mm",
    "height_middle": "mm",
    "height_posterior": "mm",
    "wedge": "deg",
}
"""Name to unit."""

_NO_DISC: Final = Flag("endplate_not_found", "An endplate beside this disc is not seen well enough.")


def refused_disc(reason: Flag) -> dict[str, Measurement]:
    """All values of a disc refused for one reason."""
    return {name: Measurement.refusal(unit, reason) for name, unit in DISC_VALUES.items()}


def cross(above: Shape, below: Shape) -> bool:
    """Whether the endplates that face each other cross, so that one of them lies on the other vertebra.

    Where a disc is thinner than the scan can tell, both vertebrae see one bright line, and each takes it for
    its own.
    """
    ceiling, floor = above.lower, below.upper
    if ceiling is None or floor is None or not (is_whole(above, ceiling) and is_whole(below, floor)):
        return False
    return bool((_gaps(above, ceiling, below, floor)[0] < 0).any())


def measure_disc(above: Shape, below: Shape) -> Mapping[str, Measurement]:
    """Distances between the endplates that face each other, and the angle between them.

    Heights run along the bisector of both endplates, between the landmarks of the bodies; the wedge
    is positive where the disc is taller in front.

    Args:
        above: The vertebra above.
        below: The vertebra below.
    """
    ceiling, floor = above.lower, below.upper
    if ceiling is None or floor is None or not (is_whole(above, ceiling) and is_whole(below, floor)):
        return refused_disc(_NO_DISC)
    gaps, up = _gaps(above, ceiling, below, floor)
    if not (gaps >= 0).all():  # NaN too
        return refused_disc(_NO_DISC)
    sd = float(np.hypot(plate_sd_mm(above, ceiling), plate_sd_mm(below, floor)))
    values = {
        f"height_{place}": Measurement(float(gap), "mm", sd) for place, gap in zip(PLACES, gaps, strict=True)
    }
    front = above.frame.front
    normals = above.normal_mm(ceiling), below.normal_mm(floor)
    tilts = [np.degrees(np.arctan2(normal @ front, normal @ up)) for normal in normals]
    depth = 0.84 * (above.walls.depth + below.walls.depth) / 2
    values["wedge"] = Measurement(
        float(tilts[1] - tilts[0]), "deg", float(np.degrees(np.sqrt(2) * sd / depth))
    )
    return values


def _gaps(above: Shape, ceiling: Endplate, below: Shape, floor: Endplate) -> tuple[FloatArray, FloatArray]:
    """Distances ``(3,)`` at :data:`PLACES`, mm (NaN: not known), and the bisector they run along."""
    up = above.normal_mm(ceiling) + below.normal_mm(floor)
    up /= np.linalg.norm(up)
    gaps = [(landmark_mm(above, ceiling, place) - landmark_mm(below, floor, place)) @ up for place in PLACES]
    return np.array(gaps), up
