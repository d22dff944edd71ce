"""Headers that ask for gigabytes are refused before memory is taken: the system would kill the reader."""

import json
import subprocess
import sys
from pathlib import Path

from memory_program import SPARE_MB


def test_hostile_headers_are_refused_before_memory_is_taken(tmp_path):
    """In a process whose address space may grow by 200 MB; it lives on from case to case."""
    program = Path(__file__).with_name("memory_program.py")
    done = subprocess.run([sys.executable, program, tmp_path], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads(done.stdout)
    assert len(found) == 17
    assert {name: kind for name, (kind, _) in found.items() if not kind.endswith("Error")} == {}
    assert {name: grown for name, (_, grown) in found.items() if grown > SPARE_MB / 2} == {}
