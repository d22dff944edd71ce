"""Two processes learn as one that accumulates two batches: the same patches, averaged gradients."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from spine_toys import toy_scan
from test_stage import SMALL

from spondyl.recipes.spondyl import SpondylRecipe, TrainingSettings
from spondyl.training.corpus import prepare_case
from spondyl.training.patches import PatchStream
from spondyl.training.stage import train_stage
from spondyl.training.team import ALONE, joined

MEMBER = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from test_team import learn
learn(Path(sys.argv[2]), accumulate=1)
"""


def learn(checkpoint, *, accumulate):
    """Train a tiny network on one case, in whatever team this process is."""
    training = TrainingSettings(
        iterations=12,
        batch_size=1,
        accumulate=accumulate,
        warmup=2,
        phantoms=0,
        learning_rate=5e-3,
        precision="f32",
    )
    recipe = SpondylRecipe(identification=SMALL, training=training)
    case = prepare_case("toy", *toy_scan(with_mask=True))
    stream = PatchStream([case], [1.0], recipe, "identification", 3)
    with joined("cpu") as team:
        train_stage(stream, "identification", checkpoint, team=team, workers=0, every=2)
        (checkpoint.parent / f"rank{team.rank}of{team.size}").touch()


def curve(checkpoint):
    """Iterations and losses of the log."""
    rows = [json.loads(line) for line in checkpoint.with_suffix(".jsonl").read_text().splitlines()]
    losses = [[row[name] for name in ("vertebra", "heat", "offset", "level")] for row in rows]
    return [row["iteration"] for row in rows], np.array(losses)


def start_two(checkpoint):
    """Two processes as torchrun would start them."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    common = {
        "TORCHELASTIC_RUN_ID": "test",
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": port,
        "WORLD_SIZE": "2",
    }
    command = [sys.executable, "-c", MEMBER, Path(__file__).parent, checkpoint]
    members = [
        subprocess.Popen(
            command,
            env={**os.environ, **common, "RANK": rank, "LOCAL_RANK": rank},
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in "01"
    ]
    for member in members:
        assert member.wait() == 0, member.stderr.read()[-3000:]
        member.stderr.close()


@pytest.mark.slow
def test_two_processes_give_the_loss_curve_of_one(tmp_path):
    (tmp_path / "two").mkdir()
    start_two(tmp_path / "two" / "model.pt")
    learn(tmp_path / "model.pt", accumulate=2)
    two, one = curve(tmp_path / "two" / "model.pt"), curve(tmp_path / "model.pt")
    assert two[0] == one[0] == [2, 4, 6, 8, 10, 12]  # of the two, the leader alone wrote
    assert len(list((tmp_path / "two").glob("rank*of2"))) == 2
    assert two[1][-1].sum() < two[1][0].sum()
    np.testing.assert_allclose(two[1], one[1], rtol=0.01, atol=0.002)


def test_alone_nothing_is_exchanged():
    network = torch.nn.Linear(1, 1)
    assert ALONE.wrapped(network) is network
    assert ALONE.mean({"a": 2.0}) == {"a": 2.0}
    with joined("cpu") as team, team.leader_first():
        assert team.leads
        assert team.size == 1
