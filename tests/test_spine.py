"""The result type: order, access, relabelling."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spondyl.anatomy import RANK
from spondyl.errors import AnnotationError
from spondyl.spine import Numbering, Spine, Vertebra
from spondyl.volume import Grid, Volume
from strategies import spines

GRID = Grid.from_spacing((40, 40, 60), (2, 2, 3))
LUMBAR = Spine.from_centroids(
    {24: (0, 0, 0), 20: (0, 0, 120), 28: (0, 0, 160), 19: (0, 0, 190), 26: (0, 0, -30)}
)


def test_vertebrae_are_sorted_from_head_to_foot():
    assert LUMBAR.names == ("T12", "T13", "L1", "L5", "S1")
    assert LUMBAR.labels == (19, 28, 20, 24, 26)
    assert LUMBAR.centroids_mm[:, 2].tolist() == [190, 160, 120, 0, -30]
    assert [v.name for v in LUMBAR] == list(LUMBAR.names)


def test_access_by_name_or_number():
    assert LUMBAR["L1"] is LUMBAR[20]
    assert LUMBAR["l1"].centroid_mm == (0, 0, 120)
    assert "T13" in LUMBAR
    assert 25 not in LUMBAR
    with pytest.raises(KeyError, match=r"L2 .*T12, T13, L1"):
        LUMBAR["L2"]


def test_an_empty_spine_is_a_spine():
    empty = Spine()
    assert len(empty) == 0
    assert empty.centroids_mm.shape == (0, 3)
    assert empty.shifted(3).names == ()
    assert "L1" not in empty


def test_a_label_may_occur_once():
    with pytest.raises(AnnotationError, match="L1 annotated more than once"):
        Spine((Vertebra(20, (0, 0, 0)), Vertebra(20, (0, 0, 30))))


@pytest.mark.parametrize("point", [(np.nan, 0, 0), (0, np.inf, 0)])
def test_centroids_must_be_finite(point):
    with pytest.raises(AnnotationError, match="L1 is not finite"):
        Vertebra(20, point)


def test_labels_must_exist():
    with pytest.raises(AnnotationError, match="29"):
        Vertebra(29, (0, 0, 0))


def test_relabelling_swaps_and_takes_the_mask_along():
    data = np.zeros((4, 4, 4), np.uint8)
    data[0], data[1] = 19, 20
    spine = Spine(
        (Vertebra(19, (0, 0, 30)), Vertebra(20, (0, 0, 0))),
        Volume(data, Grid.from_spacing((4, 4, 4), (1, 1, 1))),
        numbering_probability=0.9,
        alternatives=(Numbering((20, 21), 0.1, "one level lower"),),
    )
    new = spine.relabelled({19: 20, 20: 21})
    assert new.names == ("L1", "L2")
    assert new["L1"].centroid_mm == (0, 0, 30)
    assert np.unique(new.mask.data[0]).tolist() == [20]
    assert np.unique(new.mask.data[1]).tolist() == [21]
    assert new.alternatives == ()
    assert new.numbering_probability is None
    assert np.unique(spine.mask.data[0]).tolist() == [19]


def test_relabelling_two_to_one_is_refused():
    with pytest.raises(AnnotationError, match="more than once"):
        LUMBAR.relabelled({19: 20})
    with pytest.raises(AnnotationError, match="29"):
        LUMBAR.relabelled({19: 29})


def test_shifting_skips_levels_most_people_lack():
    spine = Spine.from_centroids({19: (0, 0, 30), 20: (0, 0, 0)})
    assert spine.shifted(1).names == ("L1", "L2")
    assert spine.shifted(-1).names == ("T11", "T12")
    assert Spine.from_centroids({24: (0, 0, 0)}).shifted(1).names == ("S1",)
    with pytest.raises(AnnotationError, match=r"leave C1\.\.S2"):
        spine.shifted(-19)


@settings(deadline=None, max_examples=30)
@given(spines(GRID), st.integers(-2, 2))
def test_shifting_there_and_back_changes_nothing(spine, by):
    usual = Spine(tuple(v for v in spine if v.name not in ("T13", "L6")))
    try:
        shifted = usual.shifted(by)
    except AnnotationError:
        return
    assert [RANK[label] for label in shifted.labels] == sorted(RANK[label] for label in shifted.labels)
    assert shifted.shifted(-by).labels == usual.labels
    np.testing.assert_array_equal(shifted.centroids_mm, usual.centroids_mm)
