"""Training a stage: going on after a kill, logging, averaging."""

import json
import resource
import sys

import pytest
import torch
from spine_toys import toy_scan

from spondyl.errors import ModelError, OutputError
from spondyl.models import default_model_folder, read_model
from spondyl.recipes.spondyl import SpondylRecipe, StageSettings, TrainingSettings
from spondyl.training.corpus import prepare_case
from spondyl.training.helpers import Helpers
from spondyl.training.patches import Patch, PatchStream
from spondyl.training.stage import (
    _batches,
    _fingerprint,
    _iterate,
    build_network,
    collate,
    learning_rate,
    train_stage,
)
from spondyl.training.team import ALONE, Team

SMALL = StageSettings(spacing_mm=4.0, patch_vox=(16, 16, 24), widths=(4, 8, 8), offsets=True, levels=True)


class Numbers:
    """A stream of patches that hold nothing but their number."""

    def __init__(self, source):
        self.source = source

    def __getitem__(self, number):
        return Patch(*[self.source[number]] * 4)


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


def test_means_are_over_what_was_trained_since_and_the_log_is_that_of_one_training(tmp_path, monkeypatch):
    path = tmp_path / "model.pt"
    monkeypatch.setattr("spondyl.training.stage._iterate", lambda *_: {"loss": 1.0})
    for iterations in (3, 8):  # the second goes on between two lines of the log
        train_stage(stream(iterations), "identification", path, workers=0, every=5)
    rows = [json.loads(line) for line in path.with_suffix(".jsonl").read_text().splitlines()]
    assert [(row["iteration"], row["loss"]) for row in rows] == [(3, 1), (5, 1), (8, 1)]
    path.unlink()  # begun anew
    train_stage(stream(3), "identification", path, workers=0, every=5)
    assert len(path.with_suffix(".jsonl").read_text().splitlines()) == 1


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


def test_going_on_with_another_recipe_other_scans_or_a_damaged_file_is_refused(tmp_path):
    path = tmp_path / "model.pt"
    train_stage(stream(2), "identification", path, workers=0)
    wider = SMALL.model_copy(update={"widths": (4, 8, 12)})
    changed = recipe(4).model_copy(update={"identification": wider})
    case = prepare_case("other", *toy_scan(with_mask=True))
    for other in (
        PatchStream(stream(4).cases, [1.0], changed, "identification", 3),
        PatchStream([case], [1.0], recipe(4), "identification", 3),
    ):
        with pytest.raises(ModelError, match=r"model\.pt: belongs to a training with another recipe"):
            train_stage(other, "identification", path, workers=0)
    train_stage(stream(4), "identification", path, workers=0)  # longer is the same training
    path.write_bytes(b"no checkpoint")
    with pytest.raises(ModelError, match="cannot be read"):
        train_stage(stream(4), "identification", path, workers=0)


def weights_after(stream, path, **options):
    network = train_stage(stream, "identification", path, every=4, **options)
    state = torch.load(path, weights_only=True)
    return [*network.parameters(), *network.buffers(), *state["network"].values()]


def test_going_on_is_exact_whatever_the_number_of_workers(tmp_path, monkeypatch):
    """Weights, running averages, and the order of the patches; in a process that has predicted before."""
    monkeypatch.setitem(sys.modules, "onnxruntime", sys)  # as an engine leaves it: workers are not forked
    straight = weights_after(stream(8), tmp_path / "straight.pt", workers=0)

    def kill(iteration: int, total: int, means: dict[str, float]) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_stage(stream(8), "identification", tmp_path / "a.pt", workers=0, every=4, on_progress=kill)
    again = weights_after(stream(8), tmp_path / "a.pt", workers=1)
    assert all(torch.equal(a, b) for a, b in zip(straight, again, strict=True))


def test_every_patch_is_used_once_whatever_the_team():
    settings = TrainingSettings(batch_size=2, accumulate=3)
    source = [torch.tensor(number) for number in range(96)]

    def used(size, done):
        teams = [Team(rank, size) for rank in range(size)]
        loaders = [_batches(Numbers(source), settings, team, done, 0) for team in teams]
        return [
            set().union(*(next(loader).image.tolist() for loader in loaders for _ in range(3))) for _ in "ab"
        ]

    assert used(1, 0) == [set(range(6)), set(range(6, 12))]
    assert used(2, 0) == [set(range(12)), set(range(12, 24))]
    assert used(2, 1)[0] == used(2, 0)[1]


def test_accumulated_batches_weigh_as_much_as_one(tmp_path):
    """With losses averaged: the same patch twice makes the same step as once."""
    steps = []
    for accumulate in (1, 2):
        one = recipe(1).model_copy(
            update={
                "training": recipe(1).training.model_copy(
                    update={"accumulate": accumulate, "precision": "f32"}
                )
            }
        )
        torch.manual_seed(0)
        network = build_network(one, "identification").train()
        optimizer = torch.optim.SGD(network.parameters(), lr=1.0)
        patch = collate([stream(1)[0]])
        _iterate(network, optimizer, iter([patch] * accumulate), one, "identification", torch.device("cpu"))
        steps.append([parameter.detach().clone() for parameter in network.parameters()])
    for a, b in zip(*steps, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5)


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


def test_a_training_anew_tells_of_an_earlier_one_and_replaces_it_only_with_its_own(
    tmp_path, monkeypatch, caplog
):
    path = tmp_path / "model.pt"
    train_stage(stream(4), "identification", path, workers=0, every=2)
    before = path.read_bytes(), path.with_suffix(".jsonl").read_bytes()

    def killed(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("spondyl.training.stage._iterate", killed)
        with pytest.raises(KeyboardInterrupt):
            train_stage(stream(3), "identification", path, workers=0, resume=False)
    assert "left by an earlier training" in caplog.text
    assert (path.read_bytes(), path.with_suffix(".jsonl").read_bytes()) == before
    train_stage(stream(3), "identification", path, workers=0, resume=False)
    assert len(path.with_suffix(".jsonl").read_text().splitlines()) == 1
    assert torch.load(path, weights_only=True)["iteration"] == 3


def test_nothing_to_go_on_from_is_told(tmp_path, caplog):
    caplog.set_level("INFO", "spondyl.training")
    train_stage(stream(1), "identification", tmp_path / "model.pt", workers=0)
    assert "no checkpoint to resume from" in caplog.text
    assert "iteration 1 of 1: vertebra" in caplog.text


def test_losses_that_are_no_numbers_end_a_training_and_leave_its_checkpoint(tmp_path, monkeypatch):
    path = tmp_path / "model.pt"
    train_stage(stream(2), "identification", path, workers=0)
    before = path.read_bytes()
    monkeypatch.setattr("spondyl.training.stage._iterate", lambda *_: {"level": float("nan")})
    with pytest.raises(
        ModelError, match=r"iterations 3 to 4 are no numbers \(level nan\); lower learning_rate"
    ):
        train_stage(stream(4), "identification", path, workers=0)
    assert path.read_bytes() == before


def test_going_on_with_more_processes_or_another_teacher_is_refused(tmp_path):
    path = tmp_path / "model.pt"
    train_stage(stream(2), "identification", path, workers=0)
    state = torch.load(path, weights_only=True)
    assert _fingerprint(stream(2), "identification", ALONE) == state["settings"]
    assert _fingerprint(stream(2), "identification", Team(0, 2)) != state["settings"]
    twice = stream(2)
    twice.recipe = recipe(2).model_copy(
        update={"training": recipe(2).training.model_copy(update={"accumulate": 2})}
    )
    assert _fingerprint(twice, "identification", ALONE) == _fingerprint(
        stream(2), "identification", Team(0, 2)
    )
    taught = Helpers(teacher=read_model(default_model_folder()))
    with pytest.raises(ModelError, match="another --init or --teacher"):
        train_stage(stream(4), "identification", path, workers=0, helpers=taught)


def test_a_log_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "model.jsonl").mkdir()
    with pytest.raises(OutputError, match=r"model\.jsonl: cannot be written"):
        train_stage(stream(1), "identification", tmp_path / "model.pt", workers=0)


def test_a_full_disk_leaves_the_last_checkpoint_and_says_why(tmp_path):
    path = tmp_path / "model.pt"
    train_stage(stream(2), "identification", path, workers=0)
    before = path.read_bytes()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, hard))  # the nearest that every machine has
    try:
        with pytest.raises(OutputError, match=r"model\.pt: cannot be written: File too large"):
            train_stage(stream(4), "identification", path, workers=0)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert path.read_bytes() == before
