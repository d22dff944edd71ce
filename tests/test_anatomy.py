"""Names, numbers and order of the vertebrae."""

import itertools

import pytest

from spondyl.anatomy import COLOURS, LABEL_OF, NAMES, ORDER, RANK, Region, label_of, name_of, region_of
from spondyl.errors import AnnotationError


@pytest.mark.parametrize(
    ("name", "label", "region"),
    [
        ("C1", 1, "cervical"),
        ("C7", 7, "cervical"),
        ("T1", 8, "thoracic"),
        ("T12", 19, "thoracic"),
        ("T13", 28, "thoracic"),
        ("L1", 20, "lumbar"),
        ("L6", 25, "lumbar"),
        ("S1", 26, "sacral"),
        ("S2", 27, "sacral"),
    ],
)
def test_verse_numbers(name, label, region):
    assert label_of(name) == label
    assert name_of(label) == name
    assert region_of(label) == Region(region)


def test_every_name_and_number_is_paired_once():
    assert sorted(NAMES) == list(range(1, 29))
    assert {LABEL_OF[name]: name for name in LABEL_OF} == NAMES


def test_order_from_head_to_foot_is_anatomical():
    names = [NAMES[label] for label in ORDER]
    assert names[18:21] == ["T12", "T13", "L1"]
    assert names[24:27] == ["L5", "L6", "S1"]
    assert sorted(ORDER) == sorted(NAMES)
    assert [RANK[label] for label in ORDER] == list(range(28))


@pytest.mark.parametrize("text", ["t12", " T12 ", "T12\n"])
def test_names_are_read_leniently(text):
    assert label_of(text) == 19


@pytest.mark.parametrize("text", ["", "T14", "L7", "S3", "C0", "C8", "T", "12", "T012"])
def test_unknown_names_are_refused(text):
    with pytest.raises(AnnotationError, match="vertebra name"):
        label_of(text)


@pytest.mark.parametrize("label", [0, -1, 29, 255])
def test_unknown_numbers_are_refused(label):
    with pytest.raises(AnnotationError, match="VerSe"):
        name_of(label)


def test_colours_tell_every_level_apart():
    assert set(COLOURS) == set(NAMES)
    assert len(set(COLOURS.values())) == len(NAMES)
    assert all(0 <= value <= 255 for colour in COLOURS.values() for value in colour)
    for upper, lower in itertools.pairwise(ORDER):
        difference = [abs(a - b) for a, b in zip(COLOURS[upper], COLOURS[lower], strict=True)]
        assert max(difference) >= 40, (NAMES[upper], NAMES[lower])
