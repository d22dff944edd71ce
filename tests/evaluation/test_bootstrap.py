"""Weighted reductions against plain resampling, and intervals that mean something."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spondyl.evaluation import evaluate
from spondyl.evaluation.bootstrap import draw
from spondyl.evaluation.calibration import expected_error
from spondyl.evaluation.metric import deviation, mean, median, total
from spondyl.spine import Spine, Vertebra


@settings(deadline=None, max_examples=40)
@given(
    st.lists(st.tuples(st.floats(-1e3, 1e3), st.integers(0, 4)), min_size=1, max_size=12),
)
def test_weights_are_repetitions(rows):
    values = np.array([v for v, _ in rows])
    weights = np.array([[w for _, w in rows]], float)
    again = np.repeat(values, weights[0].astype(int))
    for reduce, plain in ((mean, np.mean), (deviation, np.std), (median, np.median), (total, np.sum)):
        expected = plain(again) if len(again) or reduce is total else np.nan
        np.testing.assert_allclose(reduce(values, weights), [expected], atol=1e-6)


def test_draws_are_seeded_and_complete():
    draws = draw(7, 20, seed=3)
    assert draws.shape == (20, 7)
    assert (draws.sum(axis=1) == 7).all()
    assert (draws == draw(7, 20, seed=3)).all()
    assert (draws != draw(7, 20, seed=4)).any()


def scans(wrong, count):
    """Scans of one vertebra, some of them wrong."""
    right = Spine.from_centroids({20: (0, 0, 0)})
    return [(f"{i:03}", right, right.shifted(1) if i < wrong else right) for i in range(count)]


def test_interval_has_the_width_of_a_binomial():
    rate = evaluate(scans(30, 100), resamples=4000).summary["id_rate"]
    half = 1.96 * np.sqrt(0.7 * 0.3 / 100)
    assert rate.value == pytest.approx(0.7)
    assert rate.low == pytest.approx(0.7 - half, abs=0.015)
    assert rate.high == pytest.approx(0.7 + half, abs=0.015)


def test_a_single_scan_has_no_interval():
    assert draw(1, 20, seed=3).shape == (0, 1)
    assert draw(0, 20, seed=3).shape == (0, 0)


def test_whole_scans_are_drawn():
    """Ten vertebrae of one scan are right or wrong together: they are one observation, not ten."""
    ten = Spine.from_centroids({i: (0, 0, -30 * i) for i in range(8, 18)})
    pairs = [(f"{i:02}", ten, ten if i % 2 else ten.shifted(1)) for i in range(20)]
    rate = evaluate(pairs, resamples=2000).summary["id_rate"]
    assert rate.n == 200
    assert rate.high - rate.low == pytest.approx(2 * 1.96 * np.sqrt(0.25 / 20), abs=0.06)


def test_no_resamples_no_interval():
    rate = evaluate(scans(1, 4), resamples=0).summary["id_rate"]
    assert (rate.value, rate.low, rate.high) == (0.75, None, None)


def test_expected_calibration_error_by_hand():
    # Bin 0.9-1.0: three of mean 0.95, two right; bin 0.5-0.6: one of 0.55, right.
    rows = np.array([(0.95, 1), (0.95, 1), (0.95, 0), (0.55, 1)])
    expected = 3 / 4 * abs(2 / 3 - 0.95) + 1 / 4 * abs(1 - 0.55)
    assert expected_error(rows, np.ones((1, 4)))[0] == pytest.approx(expected)


def test_probability_one_is_in_the_last_bin():
    truth = Spine.from_centroids({20: (0, 0, 0)})
    sure = Spine((Vertebra(20, (0, 0, 1), 1.0),))
    result = evaluate([("a", truth, sure)], resamples=0)
    assert result.summary["calibration_error"].value == 0
    assert evaluate([("a", truth, truth)], resamples=0).summary["calibration_error"].value is None
