"""A node in a program of its own, for tests that kill it: SETTINGS as JSON, DIARY, TROUBLE or ``real``."""

import signal
import sys
from pathlib import Path

from node_fakes import FakeProcess

from spondyl.dicom.node import Node, NodeConfig

if __name__ == "__main__":
    settings, diary, trouble = sys.argv[1:]
    doing = None if trouble == "real" else FakeProcess(Path(diary), trouble)
    node = Node(NodeConfig.model_validate_json(settings), doing)
    signal.signal(signal.SIGTERM, lambda *_: node.ask_to_stop())
    with node:
        node.wait()
