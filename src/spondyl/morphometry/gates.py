"""When a vertebra is not measured, and why: codes for programs, sentences for people."""

from typing import Final

from spondyl.anatomy import name_of
from spondyl.morphometry.sampling import Sampler
from spondyl.morphometry.shape import Shape
from spondyl.quality.metal import METAL_HU, metal_near
from spondyl.spine import Flag, Vertebra

__all__ = [
    "DEEPEST_MM",
    "NO_BODY",
    "NO_CORNERS",
    "NO_MASK",
    "THICKEST_GRADED_MM",
    "THICKEST_MM",
    "has_implant",
    "implant",
    "improbable",
    "not_found",
    "partly_visible",
    "thick_slices",
]

THICKEST_MM: Final = 3.2
"""Largest voxel size along the vertebra at which heights and angles are measured."""

THICKEST_GRADED_MM: Final = 2.6
"""The same for height loss and grades: with 3 mm, one grade in eight was wrong on phantoms."""

DEEPEST_MM: Final = 2.6
"""Largest voxel size from front to back: a body is 15 to 35 mm deep, heights are taken 2 mm inside."""

_LEAST_PROBABILITY: Final = 0.5
_LARGEST_CUT: Final = 0.02

NO_MASK: Final = Flag("no_mask", "There is no mask of this vertebra.")
NO_CORNERS: Final = Flag(
    "endplate_incomplete", "An endplate could not be followed from its back to its front edge."
)
NO_BODY: Final = Flag("not_defined", "This vertebra has no body between two discs.")


def not_found(vertebra: Vertebra) -> Flag:
    """The mask does not show a body at the centroid."""
    return Flag(
        "body_not_found",
        f"No vertebral body with two walls and endplates was found in the mask of {vertebra.name}.",
    )


def improbable(vertebra: Vertebra) -> Flag | None:
    """The label is too doubtful to hang a number on it."""
    if vertebra.probability is None or vertebra.probability >= _LEAST_PROBABILITY:
        return None
    return Flag("low_probability", f"Its name is too uncertain ({vertebra.probability:.0%}).")


def has_implant(sampler: Sampler) -> bool:
    """Metal or bone cement in the vertebra or near it: more than 30 mm3 above 2000 HU within 5 mm."""
    metal = sampler.hu > METAL_HU
    return bool(metal.any()) and metal_near(metal, sampler.labels == sampler.label, sampler.grid.spacing_mm)


def implant(vertebra: Vertebra) -> Flag:
    """Metal hides edges and changes densities."""
    return Flag("implant", f"There is metal or bone cement in {vertebra.name} or beside it (over 2000 HU).")


def partly_visible(shape: Shape) -> Flag | None:
    """The border of the scan cuts an endplate or a wall."""
    cut = max((plate.cut for plate in (shape.lower, shape.upper) if plate is not None), default=0.0)
    if cut <= _LARGEST_CUT and shape.walls_shown:
        return None
    return Flag("partly_visible", f"The border of the scan cuts the body of {name_of(shape.label)}.")


def thick_slices(shape: Shape, most_mm: float = THICKEST_MM) -> Flag | None:
    """Endplates cannot be placed well enough between slices this far apart, or in voxels this deep."""
    if shape.spacing_up_mm > most_mm:
        return Flag(
            "thick_slices",
            f"The scan's voxels are {shape.spacing_up_mm:.1f} mm long along the vertebra; "
            f"at most {most_mm} mm allow this measurement.",
        )
    if shape.spacing_front_mm > DEEPEST_MM:
        return Flag(
            "coarse_voxels",
            f"The scan's voxels are {shape.spacing_front_mm:.1f} mm long from front to back; "
            f"at most {DEEPEST_MM} mm allow this measurement.",
        )
    return None
