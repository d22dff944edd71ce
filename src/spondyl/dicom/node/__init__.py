"""A PACS node: studies in by DICOM, vertebrae found, objects back by DICOM or DICOMweb.

>>> from spondyl.dicom.node import Node, read_config
>>> with Node(read_config(store="node", allow=["PACS"])) as node:  # doctest: +SKIP
...     node.wait()
"""

from spondyl.dicom.node.config import NodeConfig, Peer, read_config
from spondyl.dicom.node.node import Node

__all__ = ["Node", "NodeConfig", "Peer", "read_config"]
