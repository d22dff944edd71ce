"""Samples: shapes, types, contents, determinism, and data the original stumbled over."""

import os
import signal

import numpy as np
import pytest

from spondyl.datasets import Case
from spondyl.errors import AnnotationError, DatasetError, SampleError, WorkerError
from spondyl.recipes.spinefinder import SpinefinderRecipe
from spondyl.samples import making
from spondyl.samples.detection import draw_detection_samples, make_detection_samples
from spondyl.samples.files import find_samples
from spondyl.samples.identification import draw_identification_samples, make_identification_samples
from spondyl.samples.making import draw_all, scan_rng
from spondyl.spine import Spine
from spondyl.volume import Grid, Volume

RECIPE = SpinefinderRecipe()
SPINE = Spine.from_centroids({19: (35, 45, 120), 20: (36, 47, 90), 21: (35, 46, 58), 22: (35, 46, 26)})


def scan(shape=(70, 90, 150), spacing=(1, 1, 1), seed=0):
    data = np.random.default_rng(seed).normal(40, 200, shape).astype(np.float32)
    return Volume(data, Grid.from_spacing(shape, spacing))


def draw(draw_function, volume, spine, recipe=RECIPE, name="x"):
    return list(draw_all(volume, spine, recipe, draw_function, scan_rng(recipe, name)))


def few(count):
    identification = RECIPE.identification.model_copy(update={"samples_per_scan": count})
    return RECIPE.model_copy(update={"identification": identification})


def test_detection_samples():
    samples = draw(draw_detection_samples, scan(), SPINE)
    assert len(samples) == 5
    assert {(s.shape, s.dtype.name) for s, _ in samples} == {((64, 64, 80), "float32")}
    assert {(t.shape, t.dtype.name) for _, t in samples} == {((64, 64, 80), "uint8")}
    assert sum(not t.any() for _, t in samples) <= 1
    assert set(np.unique([t for _, t in samples])) == {0, 1}
    assert abs(np.mean([s for s, _ in samples])) < 0.05


def test_one_detection_sample_may_be_empty_and_no_more():
    tiny = Spine.from_centroids({1: (10, 10, 10)})
    samples = draw(draw_detection_samples, scan((160, 160, 160)), tiny)
    assert [bool(t.any()) for _, t in samples].count(False) == 1
    assert len(samples) == 5


def test_identification_samples():
    samples = draw(draw_identification_samples, scan(), SPINE, few(12))
    assert len(samples) == 12
    for sample, targets in samples:
        assert (sample.shape, sample.dtype.name) == ((8, 80, 320), "float32")
        assert (targets.shape, targets.dtype.name) == ((80, 320), "uint8")
        assert np.count_nonzero(targets) > 500
        assert set(np.unique(targets)) <= {0, 19, 20, 21, 22}
        assert (sample[:, :, 150:] == -5).all()  # the scan is only 150 mm high
        assert not targets[:, 150:].any()


def test_the_labels_are_those_of_the_fifth_slice():
    plain = few(6).model_copy(
        update={"identification": few(6).identification.model_copy(update={"elastic": _still()})}
    )
    volume = scan((70, 80, 320))
    _, labels = making.prepare(volume, SPINE, plain)
    volume = Volume(
        plain.target_of[labels.data].astype(np.float32), volume.grid
    )  # an image that shows its labels
    for sample, targets in draw(draw_identification_samples, volume, SPINE, plain):
        levels = np.round(sample[4], 4)
        assert all(len(np.unique(levels[targets == value])) == 1 for value in np.unique(targets))
        assert len(np.unique(levels)) == len(np.unique(targets))


def _still():
    return RECIPE.identification.elastic.model_copy(update={"sigma_vox": 0.0})


def test_image_and_labels_are_deformed_alike():
    volume = scan((70, 80, 320))
    _, labels = making.prepare(volume, SPINE, RECIPE)
    volume = Volume((labels.data > 0).astype(np.float32), volume.grid)
    for sample, targets in draw(draw_identification_samples, volume, SPINE, few(4)):
        vertebra = sample[4] > 1  # normalised: background is slightly below 0
        assert np.array_equal(vertebra, targets > 0)


@pytest.mark.parametrize("codes", ["LPS", "SAR"])
def test_the_order_on_disk_does_not_matter(codes):
    volume = scan()
    for function in (draw_detection_samples, draw_identification_samples):
        plain = draw(function, volume, SPINE, few(2))
        turned = draw(function, volume.reoriented(codes), SPINE, few(2))
        for (a, b), (c, d) in zip(plain, turned, strict=True):
            np.testing.assert_allclose(a, c, atol=1e-5)
            assert np.array_equal(b, d)


ODD = {
    "one centroid": (scan(), Spine.from_centroids({5: (35, 45, 60)})),
    "T13 and L6": (scan(), Spine.from_centroids({28: (35, 45, 100), 25: (35, 45, 60), 26: (35, 40, 30)})),
    "a short slab": (scan((30, 40, 9)), Spine.from_centroids({20: (15, 20, 4)})),
    "fewer slices than a slab": (
        scan((3, 60, 100)),
        Spine.from_centroids({20: (1, 30, 50), 21: (1, 30, 20)}),
    ),
    "thick slices": (scan((60, 60, 20), (1, 1, 5)), Spine.from_centroids({8: (30, 30, 70), 9: (30, 30, 50)})),
    "at the edge": (scan(), Spine.from_centroids({20: (0, 45, 100), 21: (1, 45, 70)})),
}


@pytest.mark.parametrize("case", ODD)
def test_odd_scans_give_all_their_samples(case):
    volume, spine = ODD[case]
    assert len(draw(draw_detection_samples, volume, spine)) == 5
    samples = draw(draw_identification_samples, volume, spine, few(5))
    assert len(samples) == 5
    assert all(t.any() for _, t in samples)


def test_l6_is_drawn_as_l5_and_t13_as_t12():
    volume, spine = ODD["T13 and L6"]
    targets = np.stack([t for _, t in draw(draw_identification_samples, volume, spine, few(10))])
    assert set(np.unique(targets)) == {0, 19, 24, 25}


@pytest.mark.parametrize("spine", [Spine(), Spine.from_centroids({1: (900, 900, 900)})])
def test_nothing_to_learn_from_ends(spine):
    assert draw(draw_detection_samples, scan(), spine) == []
    assert draw(draw_identification_samples, scan(), spine) == []


class FakeCase(Case):
    """A case in memory."""

    def load(self):
        if self.name == "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        if self.name == "bad":
            raise AnnotationError("bad.lml: two words")
        return scan(seed=len(self.name)), Spine() if self.name == "empty" else SPINE


def _fake_cases(monkeypatch, *names):
    cases = [FakeCase(name, None) for name in names]
    monkeypatch.setattr(making, "find_cases", lambda folder: cases)


def _content(folder):
    return {p.name: p.read_bytes() for p in folder.iterdir()}


def test_order_processes_and_company_change_nothing(tmp_path, monkeypatch):
    _fake_cases(monkeypatch, "a", "bb")
    make_detection_samples("d", tmp_path / "one", RECIPE)
    _fake_cases(monkeypatch, "bb", "a", "ccc")
    make_detection_samples("d", tmp_path / "two", RECIPE, workers=2)
    one, two = _content(tmp_path / "one"), _content(tmp_path / "two")
    assert sorted(one) == sorted(
        f"{n}-{i}-{w}.npy" for n in ("a", "bb") for i in range(1, 6) for w in ("sample", "labelling")
    )
    assert all(two[name] == content for name, content in one.items())
    make_detection_samples("d", tmp_path / "three", RECIPE.model_copy(update={"seed": 2}))
    assert _content(tmp_path / "three")["a-1-sample.npy"] != one["a-1-sample.npy"]


def test_bad_scans_are_reported_and_the_others_finish(tmp_path, monkeypatch):
    _fake_cases(monkeypatch, "bad", "empty", "good")
    steps = []
    outcomes = make_identification_samples(
        "d", tmp_path / "new" / "s", few(2), progress=lambda *s: steps.append(s)
    )
    assert [(o.name, o.made) for o in outcomes] == [("bad", 0), ("empty", 0), ("good", 2)]
    assert outcomes[0].remark == "skipped: bad.lml: two words"
    assert outcomes[1].remark == "no samples: no vertebra is annotated"
    assert steps == [(1, 3), (2, 3), (3, 3)]


def test_no_sample_at_all_is_an_error(tmp_path, monkeypatch):
    _fake_cases(monkeypatch, "empty")
    with pytest.raises(SampleError, match="not one sample could be made; empty: no samples"):
        make_detection_samples("d", tmp_path, RECIPE)


def test_two_scans_of_one_name(tmp_path, monkeypatch):
    _fake_cases(monkeypatch, "a", "a")
    with pytest.raises(DatasetError, match="several scans are called a"):
        make_detection_samples("d", tmp_path, RECIPE)


def test_samples_of_an_earlier_run_that_are_not_made_again_go(tmp_path, monkeypatch):
    _fake_cases(monkeypatch, "a", "bb")
    make_identification_samples("d", tmp_path, few(3))
    _fake_cases(monkeypatch, "a")
    make_identification_samples("d", tmp_path, few(2))
    names = ("a-1", "a-2", "bb-1", "bb-2", "bb-3")
    assert sorted(_content(tmp_path)) == [f"{n}-{w}.npy" for n in names for w in ("labelling", "sample")]


def test_half_precision_on_disk(tmp_path, monkeypatch):
    _fake_cases(monkeypatch, "a")
    make_detection_samples("d", tmp_path, half())
    assert np.load(tmp_path / "a-1-sample.npy").dtype == np.float16


def half():
    return RECIPE.model_copy(update={"sample_dtype": "float16"})


def test_samples_of_an_interrupted_run_are_not_taken_for_all(tmp_path, monkeypatch):
    def interrupt(done, total):
        raise KeyboardInterrupt

    _fake_cases(monkeypatch, "a", "bb")
    with pytest.raises(KeyboardInterrupt):
        make_detection_samples("d", tmp_path, RECIPE, progress=interrupt)
    shape = RECIPE.detection.sample_shape
    with pytest.raises(SampleError, match="was interrupted; let it finish, or give the same command again"):
        find_samples(tmp_path, shape, shape)
    make_detection_samples("d", tmp_path, RECIPE)
    assert len(find_samples(tmp_path, shape, shape)) == 10


def test_a_killed_process_is_told(tmp_path, monkeypatch):
    _fake_cases(monkeypatch, "a", "killed")
    with pytest.raises(WorkerError, match=r"was killed.*give fewer --workers"):
        make_detection_samples("d", tmp_path, RECIPE, workers=2)
