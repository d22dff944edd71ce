"""Throughput and time left, in words."""

import pytest

from spondyl.batch.pace import Pace


@pytest.fixture
def now():
    return [0.0]


def test_only_work_counts(now):
    pace = Pace(10, clock=lambda: now[0])
    assert str(pace) == ""
    for _ in range(4):
        pace.add(worked=False)
    assert pace.per_minute is None
    now[0] = 30
    pace.add(worked=True)
    assert pace.per_minute == 2
    assert pace.seconds_left == 150
    assert str(pace) == "2 scans/min, 2 min left"


@pytest.mark.parametrize(
    ("count", "words"),
    [
        (2, "60 scans/min, 1 s left"),
        (10_000, "60 scans/min, 2.8 h left"),
        (10**7, "60 scans/min, 116 d left"),
    ],
)
def test_two_figures_are_enough(now, count, words):
    pace = Pace(count, clock=lambda: now[0])
    now[0] = 1
    pace.add(worked=True)
    assert str(pace) == words


def test_nothing_is_left_at_the_end(now):
    pace = Pace(1, clock=lambda: now[0])
    now[0] = 0.01
    pace.add(worked=True)
    assert str(pace) == "6000 scans/min"
