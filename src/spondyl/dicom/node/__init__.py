"""A PACS node: studies in by DICOM, vertebrae found, objects back by DICOM or DICOMweb.

>>> from spondyl.dicom.node import Node, read_config
>>> with Node(read_config(store="node", allow=["PACS"])) as node:  # doctest: +SKIP
...     node.wait()

Names below are imported when first used: the process of a study needs few of them.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from spondyl.dicom.node.config import NodeConfig, Peer, read_config
    from spondyl.dicom.node.node import Node

_HOMES = {"Node": "node", "NodeConfig": "config", "Peer": "config", "read_config": "config"}

__all__ = ["Node", "NodeConfig", "Peer", "read_config"]


def __getattr__(name: str) -> Any:
    """Import a public name on first use (PEP 562)."""
    if name not in _HOMES:
        raise AttributeError(f"module 'spondyl.dicom.node' has no attribute {name!r}")
    return getattr(import_module(f"spondyl.dicom.node.{_HOMES[name]}"), name)
