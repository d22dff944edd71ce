"""A node in a program of its own, for tests that kill it: SETTINGS as JSON, DIARY, TROUBLE or ``real``."""

import signal
import sys
from pathlib import Path

from node_fakes import LOOK_S, FakeProcess

from spondyl.dicom.node import Node, NodeConfig, node

if __name__ == "__main__":
    node._LOOK_S = LOOK_S
    settings, diary, trouble = sys.argv[1:]
    doing = None if trouble == "real" else FakeProcess(Path(diary), trouble)
    running = Node(NodeConfig.model_validate_json(settings), doing)
    signal.signal(signal.SIGTERM, lambda *_: running.ask_to_stop())
    with running:
        running.wait()
