"""A node in a program of its own, for tests that kill it: SETTINGS as JSON, DIARY, TROUBLE."""

import signal
import sys
from pathlib import Path

from node_fakes import FakeProcess

from spondyl.dicom.node import Node, NodeConfig

if __name__ == "__main__":
    settings, diary, trouble = sys.argv[1:]
    node = Node(NodeConfig.model_validate_json(settings), FakeProcess(Path(diary), trouble))
    signal.signal(signal.SIGTERM, lambda *_: node.ask_to_stop())
    with node:
        node.wait()
