"""The condensed table of real spines."""

import pytest

from spondyl.anatomy import ORDER, label_of, name_of
from spondyl.statistics import spine_statistics


def test_every_step_from_c1_to_s1_is_there_and_plausible():
    steps = spine_statistics().steps
    assert set(steps) == set(ORDER) - {label_of("S2")}
    for label, step in steps.items():
        assert 12 < step.length_mm < 40, name_of(label)
        assert 0 < step.length_std_mm < 5
        assert abs(step.tilt_deg) < 60


def test_the_spine_bends_as_it_should():
    steps = spine_statistics().steps
    assert steps[label_of("T2")].tilt_deg > 15  # downwards is backwards in the upper back
    assert steps[label_of("L1")].tilt_deg < -5  # and forwards in the upper loin
    assert steps[label_of("L5")].tilt_deg > 20  # and backwards at the sacrum
    lengths = [steps[label_of(name)].length_mm for name in ("C4", "T3", "T10", "L2")]
    assert lengths == sorted(lengths)


def test_anomalies_are_rare_and_l6_is_the_commonest():
    frequency = spine_statistics().frequency
    assert frequency["L6"] == pytest.approx(0.158, abs=0.001)
    assert 0 < frequency["T13"] < frequency["no_T12"] < frequency["L6"]
