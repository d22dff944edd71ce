"""glTF 2.0 in one binary file (``.glb``): a scene with a named, coloured node per vertebra.

https://registry.khronos.org/glTF/specs/2.0/glTF-2.0.html
"""

import json
import struct
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

import spondyl
from spondyl.anatomy import COLOURS
from spondyl.export.surface import Surface
from spondyl.io.atomic import atomic_path

__all__ = ["TO_GLTF", "write_glb"]

TO_GLTF = np.array([[-1.0, 0, 0], [0, 0, 1], [0, 1, 0]]) / 1000
"""RAS+ mm to glTF's metres: upright (+Y up), facing the viewer (+Z front)."""

_FLOAT, _UINT32 = 5126, 5125
_VERTICES, _INDICES = 34962, 34963


def write_glb(surfaces: Iterable[Surface], path: Path | str) -> None:
    """Write all surfaces as one scene.

    Vertices are stored in RAS+ mm. The root node carries the matrix to glTF's own frame, so that
    every viewer shows the spine upright, from the front and in its true size. The node, the mesh and
    the material of a vertebra bear its name.

    Args:
        surfaces: One per vertebra; may be none.
        path: Where to write.

    Raises:
        OutputError: the file cannot be written; nothing is left behind.
    """
    scene = _Scene()
    for surface in surfaces:
        scene.add(surface)
    content = scene.glb()
    with atomic_path(path) as temporary:
        temporary.write_bytes(content)


class _Scene:
    """The document and its one buffer, as they grow."""

    def __init__(self) -> None:
        matrix = np.eye(4)
        matrix[:3, :3] = TO_GLTF
        self.buffer = bytearray()
        self.root: dict[str, Any] = {"name": "spine", "matrix": matrix.T.ravel().tolist()}  # columns first
        self.nodes = [self.root]
        self.parts: dict[str, list[Any]] = {}

    def add(self, surface: Surface) -> None:
        """Append a node with its own mesh and material."""
        places = surface.vertices_mm.astype(np.float32)
        attributes = {
            "POSITION": self._accessor(places, _VERTICES, bounds=True),
            "NORMAL": self._accessor(surface.normals().astype(np.float32), _VERTICES),
        }
        indices = self._accessor(surface.faces.astype(np.uint32).ravel(), _INDICES)
        material = self._append("materials", _material(surface))
        primitive = {"attributes": attributes, "indices": indices, "material": material}
        mesh = self._append("meshes", {"name": surface.name, "primitives": [primitive]})
        self.nodes.append({"name": surface.name, "mesh": mesh})
        self.root.setdefault("children", []).append(len(self.nodes) - 1)

    def glb(self) -> bytes:
        """Header, JSON chunk and, if there is anything, binary chunk."""
        document: dict[str, Any] = {
            "asset": {"version": "2.0", "generator": f"spondyl {spondyl.__version__}"},
            "scene": 0,
            "scenes": [{"nodes": [0]}],
            "nodes": self.nodes,
            **self.parts,
        }
        if self.buffer:
            document["buffers"] = [{"byteLength": len(self.buffer)}]
        text = json.dumps(document, separators=(",", ":")).encode()
        chunks = _chunk(b"JSON", text + b" " * (-len(text) % 4))
        if self.buffer:
            chunks += _chunk(b"BIN\0", bytes(self.buffer))
        return struct.pack("<4sII", b"glTF", 2, 12 + len(chunks)) + chunks

    def _accessor(self, values: npt.NDArray[Any], target: int, *, bounds: bool = False) -> int:
        """Append numbers of four bytes each, so that all stay aligned."""
        data = values.tobytes()
        view = {"buffer": 0, "byteOffset": len(self.buffer), "byteLength": len(data), "target": target}
        self.buffer += data
        accessor: dict[str, Any] = {
            "bufferView": self._append("bufferViews", view),
            "componentType": _UINT32 if values.dtype == np.uint32 else _FLOAT,
            "count": len(values),
            "type": "SCALAR" if values.ndim == 1 else "VEC3",
        }
        if bounds:
            accessor |= {"min": values.min(axis=0).tolist(), "max": values.max(axis=0).tolist()}
        return self._append("accessors", accessor)

    def _append(self, key: str, part: dict[str, Any]) -> int:
        items = self.parts.setdefault(key, [])
        items.append(part)
        return len(items) - 1


def _material(surface: Surface) -> dict[str, Any]:
    """Matt, in the vertebra's colour; glTF wants it linear, and ours is sRGB (IEC 61966-2-1)."""
    coded = np.array(COLOURS[surface.label]) / 255
    linear = np.where(coded <= 0.04045, coded / 12.92, ((coded + 0.055) / 1.055) ** 2.4)
    return {
        "name": surface.name,
        "pbrMetallicRoughness": {
            "baseColorFactor": [*linear.round(6).tolist(), 1.0],
            "metallicFactor": 0.0,
            "roughnessFactor": 0.8,
        },
    }


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack("<I4s", len(data), kind) + data
