"""STL and PLY: a folder with one file per vertebra, in RAS+ mm."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from spondyl.anatomy import COLOURS
from spondyl.export.surface import Surface
from spondyl.io.atomic import atomic_folder

__all__ = ["ply_bytes", "stl_bytes", "write_ply_folder", "write_stl_folder"]

_SPACE = "SPACE=RAS"
"""3D Slicer takes both formats for LPS+ unless the header or a comment says this."""


def write_stl_folder(surfaces: Iterable[Surface], folder: Path | str) -> None:
    """Write ``T12.stl`` and so on.

    Args:
        surfaces: One per vertebra.
        folder: Replaced if it exists.

    Raises:
        OutputError: the folder cannot be written; nothing is left behind.
    """
    with atomic_folder(folder) as new:
        for surface in surfaces:
            (new / f"{surface.name}.stl").write_bytes(stl_bytes(surface))


def write_ply_folder(surfaces: Iterable[Surface], folder: Path | str) -> None:
    """Write ``T12.ply`` and so on, in the colours of :data:`spondyl.anatomy.COLOURS`.

    Args:
        surfaces: One per vertebra.
        folder: Replaced if it exists.

    Raises:
        OutputError: the folder cannot be written; nothing is left behind.
    """
    with atomic_folder(folder) as new:
        for surface in surfaces:
            (new / f"{surface.name}.ply").write_bytes(ply_bytes(surface))


def stl_bytes(surface: Surface) -> bytes:
    """Binary STL: 80 bytes of text, the number of triangles, normal and corners of each."""
    corners = surface.vertices_mm[surface.faces]
    across = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    triangles = np.zeros(
        len(corners), [("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("attribute", "<u2")]
    )
    triangles["normal"] = across / np.maximum(np.linalg.norm(across, axis=1, keepdims=True), 1e-12)
    triangles["corners"] = corners
    header = f"{surface.name} mm {_SPACE}".encode().ljust(80)  # must not begin with "solid"
    return header + np.array(len(triangles), "<u4").tobytes() + triangles.tobytes()


def ply_bytes(surface: Surface) -> bytes:
    """Binary little-endian PLY, every vertex in the colour of its vertebra."""
    points = np.zeros(len(surface.vertices_mm), [("place", "<f4", 3), ("colour", "u1", 3)])
    points["place"] = surface.vertices_mm
    points["colour"] = COLOURS[surface.label]
    faces = np.zeros(len(surface.faces), [("count", "u1"), ("corners", "<i4", 3)])
    faces["count"] = 3
    faces["corners"] = surface.faces
    header = [
        "ply",
        "format binary_little_endian 1.0",
        f"comment {surface.name} mm",
        f"comment {_SPACE}",
        f"element vertex {len(points)}",
        *(f"property float {axis}" for axis in "xyz"),
        *(f"property uchar {colour}" for colour in ("red", "green", "blue")),
        f"element face {len(faces)}",
        "property list uchar int vertex_indices",
        "end_header",
    ]
    return ("\n".join(header) + "\n").encode() + points.tobytes() + faces.tobytes()
