"""The strip along the spine that a page shows: a grey picture, and where everything is in it.

Pictures are flattened cuts, see :mod:`spondyl.report.surface`. They are turned as radiologists look: head
up; front (sagittal) or the patient's right side (coronal) to the left. The grey picture is made
once; positions follow every correction.
"""

from pathlib import Path
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field

from spondyl.io.atomic import atomic_path, write_text
from spondyl.report.style import bone_window
from spondyl.report.surface import Surface, cut, view_box
from spondyl.result import Result
from spondyl.server.layout import CaseFiles
from spondyl.spine import Spine
from spondyl.volume import Volume

__all__ = ["Plane", "Strip", "StripPlace", "place_vertebrae", "write_strips"]

Plane = Literal["sagittal", "coronal"]


class Place(BaseModel):
    """A vertebra in a strip."""

    name: str
    label: int = Field(description="VerSe number.")
    x: float = Field(description="Columns from the left edge of the picture; may lie outside of it.")
    y: float = Field(description="Rows from the upper edge.")


class StripPlace(BaseModel):
    """Where a strip lies in the patient.

    The world point of column ``x`` and row ``y`` is ``left_mm - x * mm_per_pixel[0]`` across (y in a
    sagittal strip, x in a coronal one), ``z = top_mm - y * mm_per_pixel[1]``, and ``depth_mm[floor(y)]``
    for the third coordinate (x in a sagittal strip, y in a coronal one).
    """

    model_config = ConfigDict(frozen=True)

    plane: Plane
    width: int = Field(description="Columns.")
    height: int = Field(description="Rows.")
    mm_per_pixel: tuple[float, float] = Field(description="Across and along; nearly equal.")
    left_mm: float = Field(description="World y (sagittal) or x (coronal) of the left edge, RAS+ mm.")
    top_mm: float = Field(description="World z of the upper edge, RAS+ mm.")
    depth_mm: tuple[float, ...] = Field(
        description="World x (sagittal) or y (coronal) of the cut at each row, from the top."
    )

    @classmethod
    def of(cls, surface: Surface) -> "StripPlace":
        """Describe a cut after it was turned."""
        rows, columns = surface.image.shape
        first, last, foot, head = surface.extent_mm
        return cls(
            plane=surface.plane,
            width=columns,
            height=rows,
            mm_per_pixel=((last - first) / columns, (head - foot) / rows),
            left_mm=last,
            top_mm=head,
            depth_mm=tuple(np.round(surface.depth_mm[::-1], 2).tolist()),
        )


class Strip(StripPlace):
    """Where a strip lies, and the vertebrae in it now."""

    vertebrae: tuple[Place, ...] = Field(description="Head to foot.")


def write_strips(volume: Volume, spine: Spine, files: CaseFiles) -> None:
    """Write both pictures, and where they lie."""
    box = view_box(volume.grid, spine.centroids_mm)
    for plane in get_args(Plane):
        surface = cut(volume, spine.centroids_mm, plane, box)
        _write_png(_grey(surface.image)[::-1, ::-1], files.strip(plane, ".png"))
        write_text(files.strip(plane, ".json"), StripPlace.of(surface).model_dump_json())


def place_vertebrae(path: Path, result: Result) -> Strip:
    """The strip described in a file, with the vertebrae of a result.

    Args:
        path: Written by :func:`write_strips`.
        result: As it is now.
    """
    place = StripPlace.model_validate_json(path.read_text(encoding="utf-8"))
    across = 1 if place.plane == "sagittal" else 0
    vertebrae = tuple(
        Place(
            name=found.name,
            label=found.label,
            x=round((place.left_mm - found.centroid_mm[across]) / place.mm_per_pixel[0], 2),
            y=round((place.top_mm - found.centroid_mm[2]) / place.mm_per_pixel[1], 2),
        )
        for found in result.vertebrae
    )
    return Strip(**place.model_dump(), vertebrae=vertebrae)


def _grey(image: npt.NDArray[np.float32]) -> npt.NDArray[np.uint8]:
    """HU in the bone window as 0-255."""
    inside = image[image > -1000]
    low, high = np.percentile(inside, (2, 99.7)) if inside.size else (0.0, 0.0)
    black, white = bone_window(float(low), float(high))
    return np.asarray(np.clip((image - black) / (white - black) * 255, 0, 255), np.uint8)


def _write_png(image: npt.NDArray[np.uint8], path: Path) -> None:
    from PIL import Image

    with atomic_path(path) as temporary:
        Image.fromarray(np.ascontiguousarray(image)).save(temporary, "PNG")
