"""3D Slicer point lists, ``.mrk.json``: control points named ``T12``, in LPS+ or RAS+ mm.

Format: https://slicer.readthedocs.io/en/latest/developer_guide/modules/markups.html
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from spondyl.errors import AnnotationError
from spondyl.io.atomic import write_text
from spondyl.io.centroids.text import build_spine, number, parse_label
from spondyl.spine import Spine, Vertebra

__all__ = ["parse", "write"]

_SCHEMA = (
    "https://raw.githubusercontent.com/slicer/slicer/master/Modules/Loadable/Markups/Resources/Schema/"
    "markups-schema-v1.0.0.json#"
)
_SIGNS = {"LPS": (-1, -1, 1), "RAS": (1, 1, 1)}  # to RAS+


def parse(document: dict[str, Any], path: Path) -> Spine:
    """Centroids from the parsed file: the points of all its point lists.

    Points without a defined position are left out. A list without ``coordinateSystem`` is LPS,
    as in Slicer.

    Raises:
        AnnotationError: not a Slicer file, an unknown label or coordinate system, not a number.
    """
    lists = document.get("markups")
    if not isinstance(lists, list):
        raise AnnotationError(f"{path}: neither a VerSe centroid file (a list) nor a Slicer one ('markups')")
    vertebrae = []
    for markup in lists:
        if not isinstance(markup, dict):
            raise AnnotationError(f"{path}: expected point lists under 'markups', found {markup!r}")
        vertebrae += list(_points(markup, path))
    return build_spine(vertebrae, path)


def write(spine: Spine, path: Path) -> None:
    """Write one point list in LPS+ mm with 0.1 µm precision; Slicer opens it by drag and drop.

    Raises:
        OutputError: the file cannot be written.
    """
    points: list[dict[str, Any]] = []
    for vertebra in spine:
        x, y, z = vertebra.centroid_mm
        points.append(
            {
                "id": str(len(points) + 1),
                "label": vertebra.name,
                "description": "",
                "position": [round(-x, 4), round(-y, 4), round(z, 4)],
                "positionStatus": "defined",
            }
        )
    markup = {
        "type": "Fiducial",
        "coordinateSystem": "LPS",
        "coordinateUnits": "mm",
        "labelFormat": "%N-%d",
        "controlPoints": points,
    }
    write_text(path, json.dumps({"@schema": _SCHEMA, "markups": [markup]}, indent=1) + "\n")


def _points(markup: dict[str, Any], path: Path) -> Iterator[Vertebra]:
    system = str(markup.get("coordinateSystem", "LPS")).upper()
    if system not in _SIGNS:
        raise AnnotationError(f"{path}: unknown coordinateSystem {system!r}; expected LPS or RAS")
    unit = markup.get("coordinateUnits", "mm")
    if unit != "mm" and not (isinstance(unit, list) and "mm" in unit):
        raise AnnotationError(f"{path}: coordinates in {unit!r}; expected mm")
    for place, point in enumerate(markup.get("controlPoints") or [], start=1):
        where = f"{path}, control point {place}"
        if not isinstance(point, dict):
            raise AnnotationError(f"{where}: expected an object, found {point!r}")
        if point.get("positionStatus", "defined") in ("undefined", "missing"):
            continue
        label = parse_label(str(point.get("label", "")), where)
        position = point.get("position")
        if not isinstance(position, list) or len(position) != 3:
            raise AnnotationError(f"{where}: expected 'position': [x, y, z], found {position!r}")
        x, y, z = (sign * number(value, where) for sign, value in zip(_SIGNS[system], position, strict=True))
        yield Vertebra(label, (x, y, z))
