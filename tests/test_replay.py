"""The history replayed on the model's answer, against the same corrections made one by one in place."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spondyl.anatomy import LABEL_OF, NAMES, ORDER
from spondyl.corrections import (
    added,
    corrected,
    deleted,
    extras_of,
    follow,
    moved,
    rename_some,
    with_again,
    without_last,
)
from spondyl.errors import AnnotationError
from spondyl.replay import model_mask, replayed_mask
from spondyl.result import Result
from spondyl.spine import Flag, Numbering, Spine, Vertebra
from spondyl.volume import Grid, Volume

GRID = Grid.from_spacing((9, 9, 9), (10, 10, 10), "LPS")
INSIDE = GRID.to_world((4, 4, 4))


def scene(names, voiceless=(), nameless=()):
    """A result and its mask: one voxel a vertebra; some without voxels, some without centroid."""
    data = np.zeros(GRID.shape, np.uint8)
    vertebrae = []
    for place, name in enumerate(names):
        if name not in voiceless:
            data[4, 4, place] = LABEL_OF[name]
        if name not in nameless:
            vertebrae.append(Vertebra(LABEL_OF[name], tuple(GRID.to_world((4, 4, place))), 0.9))
    spine = Spine(
        tuple(vertebrae),
        numbering_probability=0.8,
        alternatives=(Numbering(tuple(v.label for v in vertebrae), 0.1, "another"),),
        flags=(Flag("numbering_uncertain", "Not sure."), Flag("metal", "There is metal.")),
    )
    return Result.of(spine, GRID), Volume(data, GRID)


class InPlace:
    """The same corrections, made directly on centroids and voxels: an independent oracle."""

    def __init__(self, result, mask):
        self.points = {v.label: v.centroid_mm for v in result.vertebrae}
        self.voxels = mask.data.copy()

    def rename(self, table):
        self.points = {table.get(label, label): point for label, point in self.points.items()}
        renamed = self.voxels.copy()
        for old, new in table.items():
            renamed[self.voxels == old] = new
        self.voxels = renamed

    def agrees_with(self, result, mask):
        assert {v.label: v.centroid_mm for v in result.vertebrae} == self.points
        np.testing.assert_array_equal(replayed_mask(mask, result.history).data, self.voxels)


@given(data=st.data())
@settings(deadline=None, max_examples=60)
def test_any_chain_is_what_it_would_be_made_in_place(data):
    names = data.draw(st.lists(st.sampled_from(list(LABEL_OF)), unique=True, min_size=1, max_size=6))
    voiceless = data.draw(st.lists(st.sampled_from(names), unique=True))
    nameless = [] if len(names) < 3 else names[:1]
    result, mask = scene(names, voiceless, nameless)
    oracle, states = InPlace(result, mask), [result]
    for _ in range(data.draw(st.integers(1, 6))):
        there = sorted(set(oracle.points) | set(oracle.voxels.ravel()) - {0})
        label, other = data.draw(st.sampled_from(ORDER)), data.draw(st.sampled_from(ORDER))
        point = tuple(float(x) for x in GRID.to_world(data.draw(st.tuples(*[st.integers(0, 8)] * 3))))
        kind = data.draw(st.sampled_from(["follow", "only", "move", "delete", "add"]))
        try:
            extras = extras_of(there, result)
            if kind == "follow":
                table, extras = follow(there, label, other, extras)
                result = corrected(result, table, kind, extras)
                oracle.rename(table)
            elif kind == "only":
                table, extras = rename_some(there, {label: other}, extras)
                result = corrected(result, table, kind, extras)
                oracle.rename(table)
            elif kind == "move":
                result = moved(result, label, point)
                oracle.points[label] = point
            elif kind == "delete":
                result = deleted(result, label, there)
                oracle.points.pop(label, None)
                oracle.voxels[oracle.voxels == label] = 0
            else:
                result = added(result, label, point)
                oracle.points[label] = point
        except AnnotationError:
            continue
        Result.model_validate(result.model_dump())
        oracle.agrees_with(result, mask)
        states.append(result)
    if not any(entry.removed for entry in result.history):
        np.testing.assert_array_equal(model_mask(Volume(oracle.voxels, GRID), result.history).data, mask.data)
    while len(states) > 1:
        last = states.pop()
        result = without_last(last)
        assert result == states[-1]
        labels = set(np.unique(replayed_mask(mask, result.history).data).tolist()) - {0}
        assert with_again(result, last.history[-1], labels) == last


def test_a_moved_centroid_leaves_the_numbering_alone():
    result, _ = scene(["T12", "L1"])
    after = moved(result, LABEL_OF["L1"], tuple(INSIDE))
    assert after.vertebrae[1].centroid_mm == pytest.approx(tuple(INSIDE))
    assert (after.vertebrae[1].probability, after.numbering_probability) == (0.9, 0.8)
    assert after.alternatives == result.alternatives
    assert [flag.code for flag in after.flags] == ["numbering_uncertain", "metal", "corrected"]
    assert after.flags[-1].message == "Centroids were corrected by hand."
    back = moved(after, LABEL_OF["L1"], result.vertebrae[1].centroid_mm)
    assert back.model_copy(update={"history": (), "model_answer": None}) == result


def test_another_set_of_vertebrae_makes_the_numbering_void():
    result, _ = scene(["T12", "L1"])
    without = deleted(result, LABEL_OF["L1"], [19, 20])
    assert [v.name for v in without.vertebrae] == ["T12"]
    assert (without.numbering_probability, without.alternatives) == (None, ())
    assert [flag.code for flag in without.flags] == ["metal", "corrected"]
    more = added(without, LABEL_OF["T13"], tuple(INSIDE))
    assert [(v.name, v.probability) for v in more.vertebrae] == [("T12", 0.9), ("T13", None)]
    assert [flag.message for flag in more.flags][1:] == [
        "There is a T13.",
        "Vertebrae were corrected by hand.",
    ]
    assert [entry.what for entry in more.history] == ["delete L1", "add T13"]
    assert more.history[-1].counting == ("T13",)


def test_the_first_vertebra_of_an_empty_spine():
    empty = Result.of(Spine(flags=(Flag("no_spine", "No spine was found."),)), GRID)
    after = added(empty, LABEL_OF["L3"], tuple(INSIDE))
    assert [v.name for v in after.vertebrae] == ["L3"]
    assert [flag.code for flag in after.flags] == ["corrected"]


def test_what_cannot_be():
    result, _ = scene(["T12", "L1"])
    far = tuple(float(x) for x in GRID.to_world((40, 4, 4)))
    with pytest.raises(AnnotationError, match="outside of the scan"):
        moved(result, LABEL_OF["L1"], far)
    with pytest.raises(AnnotationError, match="there is no C3"):
        moved(result, LABEL_OF["C3"], tuple(INSIDE))
    with pytest.raises(AnnotationError, match="there is no C3"):
        deleted(result, LABEL_OF["C3"], [19, 20])
    with pytest.raises(AnnotationError, match="there is a L1 already"):
        added(result, LABEL_OF["L1"], tuple(INSIDE))
    entry = moved(result, LABEL_OF["L1"], tuple(INSIDE)).history[-1]
    other, _ = scene(["T12", "L2"])
    with pytest.raises(AnnotationError, match="'move L1' was made on another state"):
        with_again(other, entry, [19, 21])
    assert set(NAMES) == set(ORDER)
