"""Training a stage: going on after a kill, logging, averaging."""

import json

import pytest
import torch
from spine_toys import toy_scan

from spondyl.recipes.spondyl import SpondylRecipe, StageSettings, TrainingSettings
from spondyl.training.corpus import prepare_case
from spondyl.training.patches import PatchStream
from spondyl.training.stage import build_network, learning_rate, train_stage

SMALL = StageSettings(spacing_mm=4.0, patch_vox=(16, 16, 24), widths=(4, 8, 8), offsets=True, levels=True)


def recipe(iterations: int) -> SpondylRecipe:
    training = TrainingSettings(iterations=iterations, batch_size=1, warmup=2, phantoms=0, learning_rate=5e-3)
    return SpondylRecipe(identification=SMALL, training=training)


def stream(iterations: int) -> PatchStream:
    return PatchStream(
        [prepare_case("toy", *toy_scan(with_mask=True))], [1.0], recipe(iterations), "identification", 3
    )


def test_losses_fall_and_are_logged(tmp_path):
    path = tmp_path / "model.pt"
    network = train_stage(stream(40), "identification", path, workers=0, every=10)
    rows = [json.loads(line) for line in path.with_suffix(".jsonl").read_text().splitlines()]
    assert [row["iteration"] for row in rows] == [10, 20, 30, 40]
    assert rows[-1]["vertebra"] < rows[0]["vertebra"]
    assert not network.training


def test_a_finished_training_is_not_done_again(tmp_path):
    path = tmp_path / "model.pt"
    first = train_stage(stream(6), "identification", path, workers=0, every=3)
    told = []
    again = train_stage(
        stream(6), "identification", path, workers=0, every=3, on_progress=lambda *a: told.append(a)
    )
    assert told == []
    for a, b in zip(first.parameters(), again.parameters(), strict=True):
        assert torch.equal(a, b)


def test_a_killed_training_goes_on_from_its_checkpoint(tmp_path):
    path = tmp_path / "model.pt"

    def kill(iteration: int, total: int, means: dict[str, float]) -> None:
        if iteration == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_stage(stream(8), "identification", path, workers=0, every=4, on_progress=kill)
    seen = []
    train_stage(
        stream(8), "identification", path, workers=0, every=4, on_progress=lambda i, *_: seen.append(i)
    )
    assert seen == [8]


def test_the_network_answers_what_the_recipe_asks():
    network = build_network(recipe(1), "identification").eval()
    fine, levels = network(torch.zeros(1, 2, 8, 12, 16))
    assert fine.shape == (1, 5, 8, 12, 16)
    assert levels.shape == (1, 28, 4, 6, 8)
    (fine,) = build_network(recipe(1), "detection").eval()(torch.zeros(1, 2, 16, 16, 16))
    assert fine.shape == (1, 2, 16, 16, 16)


def test_the_learning_rate_rises_then_falls_to_nothing():
    settings = TrainingSettings(iterations=100, warmup=10, learning_rate=1.0)
    rates = [learning_rate(n, settings) for n in range(1, 101)]
    assert rates[4] == pytest.approx(0.5)
    assert max(rates) == rates[9] == pytest.approx(1.0)
    assert rates[54] == pytest.approx(0.5, abs=0.01)
    assert rates[-1] == pytest.approx(0, abs=1e-9)
