"""Height loss and grades from heights alone."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spondyl.anatomy import label_of
from spondyl.morphometry.genant import gradable, grade_of, height_losses
from spondyl.morphometry.heights import Heights

LEVELS = ("T8", "T9", "T10", "T11", "T12", "L1", "L2", "L3")
L1 = label_of("L1")


def spine_of(**changed):
    """Heights that grow by 3 % a level, with a wedge of 5 % and a hollow of 8 %."""
    rows = {}
    for i, name in enumerate(LEVELS):
        back = 20 * 1.03**i
        shares = np.array(changed.get(name, (1.0, 1.0, 1.0)))
        rows[label_of(name)] = Heights(*(np.array([0.95, 0.92, 1.0]) * back * shares), 0.3)
    return rows


@pytest.mark.parametrize(
    ("loss", "grade"),
    [(0, 0), (0.199, 0), (0.2, 1), (0.249, 1), (0.25, 2), (0.399, 2), (0.4, 3), (0.9, 3)],
)
def test_limits_of_grades(loss, grade):
    assert grade_of(loss) == grade


def test_natural_shape_is_no_loss():
    losses = height_losses(spine_of())
    assert len(losses) == len(LEVELS)
    # at the ends there is no line through both sides: the mean of the neighbours, 6 % off
    assert max(loss.largest for loss in losses.values()) < 0.08
    assert losses[L1].largest == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize(
    ("shares", "kind"),
    [((0.7, 0.85, 1.0), "wedge"), ((0.95, 0.7, 1.0), "biconcave"), ((0.7, 0.72, 0.75), "crush")],
)
def test_kinds(shares, kind):
    losses = height_losses(spine_of(L1=shares))
    assert losses[L1].largest == pytest.approx(0.3, abs=1e-9)
    assert losses[L1].deformity == kind
    assert grade_of(losses[L1].largest) == 2
    assert all(loss.largest < 0.08 for label, loss in losses.items() if label != L1)


def test_deformed_neighbours_are_no_reference():
    losses = height_losses(spine_of(T12=(0.5, 0.55, 0.6), L1=(0.7, 0.72, 0.75), L2=(0.5, 0.8, 1.0)))
    assert losses[L1].largest == pytest.approx(0.3, abs=0.02)


def test_single_vertebra_is_compared_with_itself():
    rows = {L1: Heights(18.0, 23.0, 24.0, 0.3)}
    loss = height_losses(rows)[L1]
    assert loss.anterior == pytest.approx(0.25)
    assert np.isnan(loss.posterior)
    assert loss.deformity == "wedge"
    assert loss.neighbours == 0


def test_neck_is_not_graded():
    assert not gradable(label_of("C7"))
    assert gradable(label_of("T13"))
    assert height_losses({label_of("C5"): Heights(12, 11, 12, 0.3)}) == {}


@settings(deadline=None, max_examples=30)
@given(st.floats(0.5, 2.0), st.floats(0.0, 0.6))
def test_size_of_the_patient_does_not_matter(scale, loss):
    plain = height_losses(spine_of(L1=(1 - loss, 1 - loss / 2, 1.0)))[L1]
    rows = {k: Heights(*(h.values * scale), 0.3) for k, h in spine_of(L1=(1 - loss, 1 - loss / 2, 1)).items()}
    assert height_losses(rows)[L1].anterior == pytest.approx(plain.anterior)
    assert plain.anterior == pytest.approx(loss, abs=1e-9)
