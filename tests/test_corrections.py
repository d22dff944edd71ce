"""One label put right and the others follow: the rules, worked by hand."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spondyl.anatomy import LABEL_OF, NAMES, ORDER, RANK
from spondyl.corrections import corrected, extras_of, follow, rename_some, shift_all, without_last
from spondyl.errors import AnnotationError
from spondyl.result import Result
from spondyl.spine import Flag, Numbering, Spine, Vertebra
from spondyl.volume import Grid

GRID = Grid.from_spacing((10, 20, 30), (1, 1, 1))
REGULAR = [label for label in ORDER if NAMES[label] not in ("T13", "L6")]


def labels(words):
    return [LABEL_OF[word] for word in words.split()]


def names_after(renaming, words):
    return " ".join(NAMES[renaming[label]] for label in labels(words))


def result_of(found):
    """A result with everything a numbering has to say about itself."""
    vertebrae = tuple(
        Vertebra(label, (0, 0, -30.0 * place), 0.5 + 0.01 * place, (Flag("partly_visible", "cut"),))
        for place, label in enumerate(sorted(found, key=RANK.__getitem__))
    )
    flags = (
        Flag("numbering_uncertain", "unsure"),
        Flag("enumeration_anomaly", "odd"),
        Flag("metal", "screws"),
    )
    other = (Numbering(tuple(v.label for v in vertebrae), 0.2, "as it is"),)
    return Result.of(Spine(vertebrae, None, 0.7, other, flags), GRID)


@pytest.mark.parametrize(
    ("before", "correction", "after"),
    [
        ("T11 T12 L1 L2", "T12=L1", "T12 L1 L2 L3"),
        ("T12 L1 L2 L3", "L2=L1", "T11 T12 L1 L2"),
        ("L4 L5 S1", "S1=L5", "L3 L4 L5"),
        ("C7 T2 T3", "T2=T1", "C6 T1 T2"),  # a gap stays a gap
        # a thirteenth rib-bearing vertebra comes in: above all stays, below all moves up
        ("T11 T12 L1 L2 L5 S1", "L1=T13", "T11 T12 T13 L1 L4 L5"),
        ("L4 L5 S1 S2", "S1=L6", "L4 L5 L6 S1"),
        ("T12 L1 L2", "T12=T13", "T13 L1 L2"),
        # ... and goes out again
        ("T11 T12 T13 L1 L4", "T13=L1", "T11 T12 L1 L2 L5"),
        ("T11 T12 T13 L1 L4", "T13=T12", "T10 T11 T12 L1 L4"),
        ("L4 L5 L6 S1", "L6=S1", "L4 L5 S1 S2"),
        ("L4 L5 L6 S1", "L6=L5", "L3 L4 L5 S1"),
        # another vertebra leads: the patient still has a T13
        ("T11 T12 T13 L1 L2", "L1=L2", "T12 T13 L1 L2 L3"),
        ("T11 T12 T13 L1 L2", "T11=T10", "T10 T11 T12 T13 L1"),
    ],
)
def test_others_follow(before, correction, after):
    old, new = correction.split("=")
    found = labels(before)
    renaming, _ = follow(found, LABEL_OF[old], LABEL_OF[new], extras_of(found))
    assert names_after(renaming, before) == after


@pytest.mark.parametrize(
    ("before", "by", "after"),
    [
        ("T11 T12 L1", 1, "T12 L1 L2"),
        ("T12 T13 L1", 1, "T13 L1 L2"),
        ("L5 L6 S1", -1, "L4 L5 L6"),
        ("C7 T1", -6, "C1 C2"),
    ],
)
def test_shifts(before, by, after):
    found = labels(before)
    assert names_after(shift_all(found, by, extras_of(found)), before) == after


@pytest.mark.parametrize(("words", "by"), [("C1 C2", -1), ("S1 S2", 1), ("T1 S1", 2), ("C3", -3)])
def test_nobody_leaves_the_spine(words, by):
    with pytest.raises(AnnotationError, match=r"would leave C1\.\.S2"):
        shift_all(labels(words), by, ())
    with pytest.raises(AnnotationError, match=r"would leave C1\.\.S2"):
        follow(labels("C2 S2"), LABEL_OF["C2"], LABEL_OF["C3"], ())


@given(found=st.lists(st.sampled_from(REGULAR), unique=True, min_size=1), data=st.data())
@settings(deadline=None, max_examples=40)
def test_spines_shifted_agree_with_the_spine_itself(found, data):
    """An independent oracle where both apply: Spine.shifted, on spines with T13 and L6 too."""
    found = found + data.draw(st.lists(st.sampled_from(labels("T13 L6")), unique=True))
    by = data.draw(st.integers(-3, 3))
    spine = Spine.from_centroids({label: (0, 0, label) for label in found})
    try:
        expected = spine.shifted(by)
    except AnnotationError:
        with pytest.raises(AnnotationError):
            shift_all(found, by, extras_of(found))
        return
    renaming = shift_all(found, by, extras_of(found))
    assert {renaming[int(v.centroid_mm[2])] for v in expected} == set(expected.labels)
    assert spine.relabelled(renaming).labels == expected.labels


@given(found=st.lists(st.sampled_from(ORDER), unique=True, min_size=1, max_size=12), data=st.data())
@settings(deadline=None, max_examples=60)
def test_corrections_can_be_taken_back(found, data):
    """Any chain of corrections, undone one by one, leads back through the same results."""
    result = result_of(found)
    states = [result]
    for _ in range(data.draw(st.integers(1, 4))):
        current = [v.label for v in result.vertebrae]
        extras = extras_of(current, result)
        try:
            if data.draw(st.booleans()):
                renaming = shift_all(current, data.draw(st.sampled_from([-2, -1, 1, 2])), extras)
            else:
                old, new = data.draw(st.sampled_from(current)), data.draw(st.sampled_from(ORDER))
                renaming, extras = follow(current, old, new, extras)
        except AnnotationError:
            continue
        result = corrected(result, renaming, "test", extras)
        assert [v.label for v in result.vertebrae] == sorted(renaming.values(), key=RANK.__getitem__)
        Result.model_validate(result.model_dump())
        states.append(result)
    while len(states) > 1:
        states.pop()
        result = without_last(result)
        assert result == states[-1]
    assert result.model_answer is None


@given(found=st.lists(st.sampled_from(ORDER), unique=True, min_size=1, max_size=8), by=st.integers(1, 6))
@settings(deadline=None, max_examples=60)
def test_a_shift_and_its_opposite_restore_all_but_the_history(found, by):
    """T13 and L6 count also after the first shift has pushed them out of the names."""
    result = result_of(found)
    try:
        there = corrected(result, shift_all(found, by, extras_of(found)), "there", extras_of(found))
    except AnnotationError:
        return
    now = [v.label for v in there.vertebrae]
    extras = extras_of(now, there)
    back = corrected(there, shift_all(now, -by, extras), "back", extras)
    assert len(back.history) == 2
    assert back.model_copy(update={"history": (), "model_answer": None}) == result


def test_what_the_model_thought_of_its_names_is_void_and_kept():
    result = result_of(labels("T12 L1 L2"))
    renaming, extras = follow(labels("T12 L1 L2"), LABEL_OF["L1"], LABEL_OF["T13"], ())
    after = corrected(result, renaming, "L1=T13", extras)
    assert [v.name for v in after.vertebrae] == ["T12", "T13", "L1"]
    assert [v.probability for v in after.vertebrae] == [0.5, None, None]
    assert after.vertebrae[1].centroid_mm == result.vertebrae[1].centroid_mm
    assert [flag.code for flag in after.vertebrae[1].flags] == ["partly_visible"]
    assert after.numbering_probability is None
    assert after.alternatives == ()
    assert [flag.code for flag in after.flags] == ["metal", "enumeration_anomaly", "corrected"]
    (entry,) = after.history
    assert (entry.what, entry.renamed, entry.counting) == ("L1=T13", {"L1": "T13", "L2": "L1"}, ("T13",))
    assert entry.when.endswith("+00:00")
    assert after.model_answer.vertebrae == result.vertebrae
    assert after.model_answer.numbering_probability == 0.7


def test_some_alone():
    found = labels("T12 L1 L2")
    renaming, extras = rename_some(found, {LABEL_OF["L2"]: LABEL_OF["L3"]}, ())
    assert names_after(renaming, "T12 L1 L2") == "T12 L1 L3"
    assert not extras
    swap = {LABEL_OF["L1"]: LABEL_OF["L2"], LABEL_OF["L2"]: LABEL_OF["L1"]}
    assert names_after(rename_some(found, swap, ())[0], "T12 L1 L2") == "T12 L2 L1"
    with pytest.raises(AnnotationError, match="two vertebrae would be called L2"):
        rename_some(found, {LABEL_OF["L1"]: LABEL_OF["L2"]}, ())


def test_a_vertebra_that_is_not_there():
    with pytest.raises(AnnotationError, match=r"there is no C3; found are T12, L1"):
        follow(labels("L1 T12"), LABEL_OF["C3"], LABEL_OF["C4"], ())
    with pytest.raises(AnnotationError, match="there is no C3"):
        rename_some(labels("L1 T12"), {LABEL_OF["C3"]: LABEL_OF["C4"]}, ())
    with pytest.raises(AnnotationError, match="nothing to undo"):
        without_last(result_of(labels("L1")))
