"""Which landmarks anchor a numbering, on evidence made by hand."""

import numpy as np
import pytest

from spondyl.anatomy import RANK, label_of
from spondyl.decoding.anchors import LANDMARKS, anchors


def evidence(sure: dict[str, float], names: list[str]) -> np.ndarray:
    """Flat evidence, but for the vertebrae whose own label is preferred by a number of nats."""
    table = np.zeros((len(names), 28))
    for row, name in zip(table, names, strict=True):
        row[RANK[label_of(name)]] = sure.get(name, 0.0)
    return table


SPINE = [
    "C1",
    "C2",
    *(f"C{n}" for n in range(3, 8)),
    *(f"T{n}" for n in range(1, 13)),
    "L1",
    "L2",
    "L3",
    "L4",
    "L5",
    "S1",
]


@pytest.mark.parametrize(
    ("name", "landmark"), [("C2", "dens"), ("T1", "first rib"), ("T12", "last rib"), ("S1", "sacrum")]
)
def test_the_only_sure_vertebra_names_the_anchor(name, landmark):
    assert anchors(evidence({name: 5.0}, SPINE), [label_of(n) for n in SPINE]) == (landmark,)


def test_the_strongest_comes_first_and_the_weak_stay_out():
    table = evidence({"S1": 4.0, "C2": 8.0, "T1": 0.5}, SPINE)
    assert anchors(table, [label_of(n) for n in SPINE]) == ("dens", "sacrum")


def test_nothing_anchors_what_only_shape_tells():
    names = ["T5", "T6", "T7"]
    labels = [label_of(n) for n in names]
    assert anchors(evidence({"T6": 6.0}, names), labels) == ()
    assert anchors(evidence({}, SPINE), [label_of(n) for n in SPINE]) == ()


def test_evidence_for_the_rival_does_not_anchor():
    """A vertebra that prefers the level below speaks against the numbering, not for it."""
    names = ["T12", "L1", "L2"]
    table = evidence({"T12": 3.0}, names)
    table[0, RANK[label_of("L1")]] = 9.0
    assert anchors(table, [label_of(n) for n in names]) == ()


def test_every_landmark_names_real_levels():
    assert all(label_of(name) for names in LANDMARKS.values() for name in names)
