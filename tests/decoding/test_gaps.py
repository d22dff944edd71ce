"""Vertebrae whose candidate is missing."""

from dataclasses import replace

import numpy as np
import pytest
from test_anatomical import candidates, run_of

from spondyl.anatomy import LABEL_OF, label_of
from spondyl.decoding.anatomical import decode
from spondyl.decoding.gaps import fill_gaps
from spondyl.spine import Numbering


def without(found, *places):
    return [one for place, one in enumerate(found) if place not in places]


@pytest.mark.parametrize("size", [0.85, 1.0, 1.15])
@pytest.mark.parametrize("missing", [(2,), (1, 4), (2, 3)])
def test_missing_levels_come_back_where_they_were(missing, size):
    whole = candidates(run_of("C2", "C7"), sure=0.99, size=size)
    decoded = decode(without(whole, *missing))
    assert len(decoded.labels) == 6 - len(missing)
    filled, more = fill_gaps(decoded, without(whole, *missing))
    assert list(filled.labels) == run_of("C2", "C7")
    assert len(filled.probabilities) == len(filled.chosen) == 6
    assert all(len(other.labels) == 6 for other in filled.alternatives)
    places = np.array([more[i].centroid_mm for i in filled.chosen])
    np.testing.assert_allclose(places, [one.centroid_mm for one in whole], atol=0.5)
    for place, index in enumerate(filled.chosen):
        assert (more[index].presence == 0) == (place in missing)
        if place in missing:
            assert filled.probabilities[place] <= min(filled.probabilities[p] for p in (place - 1, place + 1))


def test_a_place_is_refined():
    found = without(candidates(run_of("T5", "T9"), sure=0.99), 2)
    filled, more = fill_gaps(decode(found), found, lambda place: place + np.array([1.0, 2.0, 0.0]))
    np.testing.assert_allclose(more[filled.chosen[2]].centroid_mm[:2], [1, 2])


def test_a_whole_spine_stays_as_it_is():
    found = candidates(run_of("T5", "T9"))
    decoded = decode(found)
    assert fill_gaps(decoded, found) == (decoded, found)
    assert fill_gaps(decode([]), [])[0].labels == ()


def test_an_absent_t12_leaves_no_gap():
    labels = [label for label in run_of("T8", "L4") if label != LABEL_OF["T12"]]
    found = candidates(labels, sure=0.999)
    decoded = decode(found)
    assert list(decoded.labels) == labels
    assert fill_gaps(decoded, found)[0] is decoded


def test_a_t13_beside_it_forbids_to_count():
    found = candidates([*run_of("T9", "T12"), LABEL_OF["T13"], *run_of("L1", "L3")], sure=0.999)
    decoded = decode(found)
    assert LABEL_OF["T13"] in decoded.labels
    assert fill_gaps(decoded, found)[0] is decoded


def test_a_likely_numbering_without_a_gap_forbids_to_fill_it():
    found = without(candidates(run_of("T5", "T9"), sure=0.99), 2)
    decoded = decode(found)
    whole = tuple(run_of("T5", "T8"))
    doubted = replace(decoded, alternatives=(Numbering(whole, 0.2, "from T8 on numbered T7"),))
    assert fill_gaps(doubted, found)[0] is doubted
    unlikely = replace(decoded, alternatives=(Numbering(whole, 0.01, "from T8 on numbered T7"),))
    filled, _ = fill_gaps(unlikely, found)
    assert label_of("T7") in filled.labels
    assert filled.alternatives == ()
