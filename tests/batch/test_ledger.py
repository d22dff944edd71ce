"""Who has which scan: back-pressure, and what happens to the scans of a worker that died."""

from itertools import count
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from spondyl.batch import Scan
from spondyl.batch.executors.ledger import Ledger
from spondyl.batch.records import Task


def _tasks(number):
    return [Task(Scan(str(n), None)) for n in range(number)]


def _names(*tasks):
    return [task.scan.name for task in tasks]


def test_no_more_is_taken_than_can_be_worked_on():
    endless = (Task(Scan(str(n), None)) for n in count())
    ledger = Ledger(endless, capacity=2)
    given = [ledger.next_for(worker) for worker in "aabbab"]
    assert _names(*given[:4]) == ["0", "1", "2", "3"]
    assert given[4:] == [None, None]
    assert ledger.in_flight == 4
    ledger.finished("a", "0")
    assert _names(ledger.next_for("a")) == ["4"]
    assert ledger.has_work


def test_the_end_is_known_before_anybody_asks_for_more():
    """Also when the last scans were suspects: a waiting run would never hear of it."""
    ledger = Ledger(_tasks(2))
    for _ in range(2):
        ledger.next_for("a")
    ledger.lost("a")
    for name in ("0", "1"):
        assert _names(ledger.next_for("b")) == [name]
        ledger.finished("b", name)
    assert not ledger.has_work
    assert not ledger.in_flight


def test_the_scans_of_a_dead_worker_are_tried_again_alone():
    ledger = Ledger(_tasks(4))
    for worker in "aab":
        ledger.next_for(worker)
    assert ledger.lost("a") == []
    assert ledger.next_for("b") is None  # not while it holds another
    again = ledger.next_for("c")
    assert _names(again) == ["0"]
    assert again.patience_s > 0  # the worker it was taken from may not have ended yet
    assert ledger.next_for("c") is None
    assert ledger.lost("c") == []
    ledger.finished("b", "2")
    assert _names(ledger.next_for("b")) == ["1"]
    ledger.finished("b", "1")
    assert _names(ledger.next_for("d")) == ["0"]
    assert _names(*ledger.lost("d")) == ["0"]  # three workers died of it
    assert _names(ledger.next_for("b")) == ["3"]


def test_a_worker_that_finishes_nothing_is_overdue():
    now = [0.0]
    ledger = Ledger(_tasks(4), limit_s=10, clock=lambda: now[0])
    assert ledger.patience_s is None
    for worker in "aab":
        ledger.next_for(worker)
    now[0] = 6.0
    ledger.finished("a", "0")
    assert ledger.patience_s == 4
    now[0] = 10.0
    assert ledger.overdue == ["b"]
    assert ledger.patience_s == 0
    assert _names(*ledger.lost("b", slow=True)) == ["2"]  # it was alone: no need to wait for it again
    ledger.next_for("a")
    now[0] = 16.0
    assert ledger.overdue == ["a"]
    assert ledger.lost("a", slow=True) == []  # one of two
    assert _names(ledger.next_for("c")) == ["1"]
    assert ledger.patience_s == 10
    now[0] = 26.0
    assert _names(*ledger.lost("c", slow=True)) == ["1"]
    assert ledger.patience_s is None


@given(st.integers(0, 12), st.integers(0, 2**32))
def test_every_scan_comes_to_an_end_once(number, seed):
    random = Random(seed)
    ledger, ended, workers = Ledger(_tasks(number)), [], list("abc")
    fresh, held = count(), {}
    for _ in range(10_000):
        if not (ledger.has_work or ledger.in_flight):
            break
        worker = random.choice(workers)
        match random.choice(["take", "take", "finish", "finish", "die"]):
            case "take":
                if (task := ledger.next_for(worker)) is not None:
                    held.setdefault(worker, []).append(task.scan.name)
            case "finish" if held.get(worker):
                ended.append(held[worker].pop(0))
                ledger.finished(worker, ended[-1])
            case "die":
                held.pop(worker, None)
                ended += _names(*ledger.lost(worker))
                workers[workers.index(worker)] = f"new{next(fresh)}"
    assert sorted(ended, key=int) == [str(n) for n in range(number)]
