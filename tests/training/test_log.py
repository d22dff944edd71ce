"""What a training writes down, on a disk that fills up."""

import json
import resource

import pytest

from spondyl.errors import OutputError
from spondyl.training.log import append_row


def test_a_line_that_a_full_disk_cuts_short_is_taken_back(tmp_path):
    path = tmp_path / "log.jsonl"
    append_row(path, {"epoch": 1, "loss": 0.5})
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + 9, hard))
    try:
        with pytest.raises(OutputError, match=r"log\.jsonl: cannot be written"):
            append_row(path, {"epoch": 2, "loss": 0.25})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    append_row(path, {"epoch": 2, "loss": 0.25})
    assert [json.loads(line)["epoch"] for line in path.read_text().splitlines()] == [1, 2]
    append_row(path, {"epoch": 1, "loss": 0.5}, anew=True)
    assert len(path.read_text().splitlines()) == 1
