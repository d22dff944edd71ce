"""Other numberings in words."""

import pytest

from spondyl.anatomy import LABEL_OF
from spondyl.decoding.numbering import describe_change


def labels(words):
    return [LABEL_OF.get(word, 0) for word in words.split()]


@pytest.mark.parametrize(
    ("best", "other", "words"),
    [
        ("T11 T12 L1", "T12 L1 L2", "one level lower"),
        ("T11 T12 L1", "T9 T10 T11", "2 levels higher"),
        ("T11 T12 L1 L2", "T11 L1 L2 L3", "T12 to L2 one level lower"),
        ("C2 C3 C4 C6", "C1 C2 C3 C6", "C2 to C4 one level higher"),
        ("T11 T12 L1", "T12 T12 L2", "T11 one level lower, L1 one level lower"),
        ("T11 T12 L1 L2", "T11 T12 T13 L1", "with T13"),
        ("L4 L5 L6 S1", "L4 L5 S1 S2", "without L6"),
        ("T11 T12 L1", "- T11 T12", "without the one called T11, one level higher"),
        ("T11 T12 L1", "T12 - L1", "without the one called T12, T11 one level lower"),
        ("L4 L5 L6 S1", "L4 L5 - S1", "without the one called L6"),
    ],
)
def test_what_is_different(best, other, words):
    assert describe_change(labels(best), labels(other)) == words


def test_what_is_found_beside_them():
    best, other = labels("T11 T12 L1"), labels("T10 T12 L1")
    more = [(1, LABEL_OF["T11"]), (3, LABEL_OF["L2"])]
    assert describe_change(best, other, more) == "with one more between T11 and T12, T11 one level higher"
    elsewhere = [(3, LABEL_OF["L1"])]
    assert describe_change(best, labels("T11 T12 -"), elsewhere) == "with L1 elsewhere"
