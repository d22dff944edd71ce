"""Two processes learn as one with twice the batch: the same patches, averaged gradients."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from spondyl.training.team import ALONE, joined

SCRIPT = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from test_stage import SMALL
from spine_toys import toy_scan
from spondyl.recipes.spondyl import SpondylRecipe, TrainingSettings
from spondyl.training.corpus import prepare_case
from spondyl.training.patches import PatchStream
from spondyl.training.stage import train_stage
from spondyl.training.team import joined

batch, out = int(sys.argv[2]), Path(sys.argv[3])
training = TrainingSettings(
    iterations=24, batch_size=batch, warmup=2, phantoms=0, learning_rate=5e-3, precision="f32"
)
recipe = SpondylRecipe(identification=SMALL, training=training)
stream = PatchStream([prepare_case("toy", *toy_scan(with_mask=True))], [1.0], recipe, "identification", 3)
with joined("cpu") as team:
    train_stage(stream, "identification", out, team=team, workers=0, every=4)
    (out.parent / f"rank{team.rank}of{team.size}").touch()
"""


def curve(folder, processes, batch):
    """Mean loss per four iterations."""
    folder.mkdir()
    (folder / "train.py").write_text(SCRIPT)
    launcher = ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}"]
    here = str(Path(__file__).parent)
    command = [sys.executable, *launcher, folder / "train.py", here, str(batch), folder / "model.pt"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    assert len(list(folder.glob("rank*"))) == processes
    rows = [json.loads(line) for line in (folder / "model.jsonl").read_text().splitlines()]
    names = ("vertebra", "heat", "offset", "level")
    return np.array([sum(row[name] for name in names) for row in rows]), [row["iteration"] for row in rows]


@pytest.mark.slow
def test_two_processes_give_the_loss_curve_of_one(tmp_path):
    one, iterations = curve(tmp_path / "one", 1, 2)
    two, again = curve(tmp_path / "two", 2, 1)
    assert again == iterations == [4, 8, 12, 16, 20, 24]  # the leader alone wrote
    assert two[-1] < 0.8 * two[0]
    np.testing.assert_allclose(two, one, rtol=0.15)


def test_alone_nothing_is_exchanged():
    network = torch.nn.Linear(1, 1)
    assert ALONE.wrapped(network) is network
    assert ALONE.mean({"a": 2.0}) == {"a": 2.0}
    with joined("cpu") as team, team.leader_first():
        assert team.leads
        assert team.size == 1
