"""Heights of a vertebral body in front, in the middle and behind."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from spondyl.morphometry.endplates import Endplate
from spondyl.morphometry.frame import FloatArray
from spondyl.morphometry.shape import Shape

__all__ = [
    "PLACES",
    "Heights",
    "body_heights",
    "is_whole",
    "landmark_mm",
    "landmarks_mm",
    "plate_sd_mm",
    "shows_its_lean",
]

PLACES: Final = {"anterior": 0.92, "middle": 0.5, "posterior": 0.08}
"""Where heights are taken: share of the body's depth from its back wall, on the midline.

The corners themselves carry spurs and are rounded; 8 % of the depth is 2 to 3 mm inside of them."""

_SD_FLOOR_MM: Final = 0.3
_SD_PER_SPACING: Final = 0.13  # of the voxel size along the vertebra; both from phantoms
_TALLEST: Final = 1.35  # front or middle against the median; fractures make the back the tallest
_TALLEST_BACK: Final = 1.8  # the back against the second; a wedge of grade 3 has lost 40 % in front
_MOST_SEEN: Final = 0.8  # share of all columns from which a plane can be laid without the landmarks
_LEAST_SEEN: Final = 0.5  # share of the columns around a landmark that must show the endplate
_MOST_APART_MM: Final = 5.0  # between the distances of the three landmarks from the mask's surface
_INDEPENDENT: Final = 12.0  # points that a local height effectively averages


@dataclass(frozen=True)
class Heights:
    """Heights of one body along its own up direction, mm.

    Attributes:
        anterior: In front.
        middle: In the middle.
        posterior: Behind.
        sd: Standard deviation of each.
    """

    anterior: float
    middle: float
    posterior: float
    sd: float

    @property
    def values(self) -> FloatArray:
        """Anterior, middle, posterior."""
        return np.array([self.anterior, self.middle, self.posterior])


def landmark_mm(shape: Shape, plate: Endplate, place: str) -> FloatArray:
    """Point of an endplate in the world, ``(3,)``; NaN where the endplate is not known.

    Args:
        shape: The vertebra.
        plate: One of its endplates.
        place: One of :data:`PLACES`.
    """
    walls = shape.walls
    u, v = float(walls.centre[0]), walls.back + PLACES[place] * walls.depth
    return shape.frame.to_world([u, v, plate.height_at(u, v)])


def landmarks_mm(shape: Shape) -> dict[str, tuple[float, float, float]]:
    """The points between which heights are measured: ``upper_anterior``, ``lower_middle`` ... to RAS+ mm."""
    plates = {"upper": shape.upper, "lower": shape.lower}
    found = {
        f"{side}_{place}": landmark_mm(shape, plate, place)
        for side, plate in plates.items()
        if plate is not None
        for place in PLACES
    }
    return {
        name: (float(point[0]), float(point[1]), float(point[2]))
        for name, point in found.items()
        if np.isfinite(point).all()
    }


def plate_sd_mm(shape: Shape, plate: Endplate) -> float:
    """Standard deviation of an endplate's position at a place.

    Made up of the points' scatter, and of a part that does not average out: blur, the mask and the
    voxel size, with constants from phantoms.
    """
    rest = _SD_FLOOR_MM + _SD_PER_SPACING * shape.spacing_up_mm
    return float(np.hypot(plate.noise_mm / np.sqrt(_INDEPENDENT), rest))


def body_heights(shape: Shape) -> Heights | None:
    """Distances between both endplates; ``None`` where one of them is not known, or they fit no body."""
    lower, upper = shape.lower, shape.upper
    if lower is None or upper is None:
        return None
    values = [
        float((landmark_mm(shape, upper, place) - landmark_mm(shape, lower, place)) @ shape.frame.up)
        for place in PLACES
    ]
    if not np.isfinite(values).all() or min(values) <= 0:
        return None
    if not (is_whole(shape, upper) and is_whole(shape, lower)):
        return None
    if max(values[:2]) > _TALLEST * float(np.median(values)):  # a corner on the neighbour's endplate
        return None
    if values[2] > _TALLEST_BACK * sorted(values)[1]:
        return None
    sd = float(np.hypot(plate_sd_mm(shape, lower), plate_sd_mm(shape, upper)))
    return Heights(values[0], values[1], values[2], sd)


def is_whole(shape: Shape, plate: Endplate) -> bool:
    """Whether the CT shows an endplate at all three landmarks, and of about the mask's shape."""
    places = _places(shape)
    if min(plate.seen_at(*place) for place in places) < _LEAST_SEEN:
        return False
    return bool(np.ptp([plate.outside_mask_at(*place) for place in places]) <= _MOST_APART_MM)


def shows_its_lean(shape: Shape, plate: Endplate) -> bool:
    """Whether the CT shows enough of an endplate to tell how it leans: the landmarks, or most of it.

    The plane of best fit forgives a landmark that is not seen, such as the back of the sacrum's, where the
    rest is.
    """
    outside = [plate.outside_mask_at(*place) for place in _places(shape)]
    near = bool(np.nanmax(outside) - np.nanmin(outside) <= _MOST_APART_MM)
    return is_whole(shape, plate) or (plate.seen >= _MOST_SEEN and near)


def _places(shape: Shape) -> list[tuple[float, float]]:
    """Where the landmarks are on an endplate: mm right and front."""
    walls = shape.walls
    return [(float(walls.centre[0]), walls.back + share * walls.depth) for share in PLACES.values()]
