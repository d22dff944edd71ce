"""The queue by itself: what a study goes through, with a clock that the test sets."""

import threading
from contextlib import closing

import pytest

from spondyl.dicom.node import NodeConfig, upkeep
from spondyl.dicom.node.queue import StudyQueue
from spondyl.dicom.node.store import Store
from spondyl.dicom.node.study import Instance, Stage, State
from spondyl.dicom.node.upkeep import counts, drop, list_studies, purge, retry
from spondyl.errors import InputError, OutputError


class Clock:
    now = 1_000_000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "store")


@pytest.fixture
def queue(store, clock):
    opened = StudyQueue(store.queue, clock)
    yield opened
    opened.close()


def receive(queue, store, *uids, study="1.2", digest="a", size=10):
    """Instances arrive; complete after 5 s."""
    number = queue.open(study, "SENDER").id
    news = []
    for uid in uids:
        (store.incoming / "x").write_bytes(b"x" * size)
        store.place(store.incoming / "x", number, uid)
        news.append(queue.add(number, Instance(uid, digest, size), "SENDER", complete_in=5))
    return number, news


def state(queue, number):
    return queue.get(number).state


def to_done(queue, clock, number):
    clock.now += 10
    queue.ripen()
    study = queue.processed(queue.claim(Stage.PROCESS), ["1.dcm"])
    queue.sent(queue.claim(Stage.SEND))
    assert (study.state, state(queue, number)) == (State.SENDING, State.DONE)


def test_from_received_to_done(queue, store, clock):
    number, news = receive(queue, store, "1", "2", "3")
    assert news == [True] * 3
    clock.now += 4
    assert queue.ripen() == []
    assert queue.claim(Stage.PROCESS) is None
    clock.now += 2
    assert queue.ripen() == [number]
    study = queue.claim(Stage.PROCESS)
    assert (study.state, study.instances, study.bytes, study.tries) == (State.PROCESSING, 3, 30, 1)
    assert queue.claim(Stage.PROCESS) is None
    queue.processed(study, ["seg", "sr"])
    study = queue.claim(Stage.SEND)
    assert queue.unsent(number) == ["seg", "sr"]
    queue.mark_sent(number, "seg")
    assert queue.unsent(number) == ["sr"]
    assert queue.sent(study).state == State.DONE
    assert counts(queue)[State.DONE] == 1


def test_a_late_instance_postpones(queue, store, clock):
    receive(queue, store, "1")
    clock.now += 4
    number, _ = receive(queue, store, "2")
    clock.now += 4
    assert queue.ripen() == []
    queue.settle([number], complete_in=1)
    clock.now += 1
    assert queue.ripen() == [number]


def test_sent_thrice_is_done_once(queue, store, clock):
    number, _ = receive(queue, store, "1", "2")
    to_done(queue, clock, number)
    for _ in range(2):
        _, news = receive(queue, store, "1", "2")
        assert news == [False, False]
        clock.now += 100
        assert queue.ripen() == []
    assert (state(queue, number), queue.get(number).instances) == (State.DONE, 2)


@pytest.mark.parametrize("change", [{"digest": "b"}, {}], ids=["differs", "new"])
def test_changed_is_done_again(queue, store, clock, change):
    number, _ = receive(queue, store, "1", "2")
    to_done(queue, clock, number)
    receive(queue, store, "2" if change else "3", **change)
    assert state(queue, number) == State.RECEIVED
    to_done(queue, clock, number)


@pytest.mark.parametrize("end", ["processed", "failed", "put_back", "sent"])
def test_changed_while_at_work_is_done_again(queue, store, clock, end):
    number, _ = receive(queue, store, "1")
    clock.now += 10
    queue.ripen()
    study = queue.claim(Stage.PROCESS)
    if end == "sent":
        queue.processed(study, ["seg"])
        study = queue.claim(Stage.SEND)
    receive(queue, store, "2")
    assert state(queue, number) in (State.PROCESSING, State.SENDING)
    more = {"processed": [["seg"]], "failed": ["why"]}.get(end, [])
    getattr(queue, end)(study, *more, **({"retry_in": 9} if end == "failed" else {}))
    assert (state(queue, number), queue.get(number).stage) == (State.RECEIVED, Stage.PROCESS)
    to_done(queue, clock, number)


def test_an_interrupted_study_waits_again_and_counts(queue, store, clock):
    number, _ = receive(queue, store, "1")
    clock.now += 10
    queue.ripen()
    queue.claim(Stage.PROCESS)
    assert queue.recover() == 1
    assert queue.claim(Stage.PROCESS).tries == 2
    queue.put_back(queue.get(number))
    assert queue.claim(Stage.PROCESS).tries == 2  # ended by the node itself: does not count


def test_failed_waits_then_dies_and_is_retried(queue, store, clock):
    number, _ = receive(queue, store, "1")
    clock.now += 10
    queue.ripen()
    assert queue.failed(queue.claim(Stage.PROCESS), "why", retry_in=60).state == State.FAILED
    assert queue.claim(Stage.PROCESS) is None
    clock.now += 61
    assert queue.failed(queue.claim(Stage.PROCESS), "why", retry_in=None).state == State.DEAD
    assert [study.error for study in list_studies(queue, [State.DEAD])] == ["why"]
    retry(queue, store, number)
    study = queue.claim(Stage.PROCESS)
    assert (study.tries, study.error) == (1, "")
    queue.processed(study, ["seg"])
    store.results(number).mkdir()
    queue.failed(queue.claim(Stage.SEND), "down", retry_in=None)
    retry(queue, store, number)
    assert queue.claim(Stage.PROCESS) is None
    assert queue.claim(Stage.SEND).tries == 1


def test_other_studies_pass_one_that_waits(queue, store, clock):
    first, _ = receive(queue, store, "1", study="1.1")
    clock.now += 10
    queue.ripen()
    queue.failed(queue.claim(Stage.PROCESS), "why", retry_in=60)
    second, _ = receive(queue, store, "1", study="1.2")
    clock.now += 10
    queue.ripen()
    assert queue.claim(Stage.PROCESS).id == second != first


def test_refused_stays_refused(queue, store, clock):
    number, _ = receive(queue, store, "1")
    clock.now += 10
    queue.ripen()
    study = queue.claim(Stage.PROCESS)
    queue.refuse(number, "too large")
    queue.processed(study, ["seg"])
    assert (state(queue, number), queue.get(number).instances) == (State.DEAD, 0)
    with pytest.raises(InputError, match="drop it"):
        retry(queue, store, number)


def test_dropped_is_forgotten(queue, store, clock):
    number, _ = receive(queue, store, "1")
    with pytest.raises(InputError, match="not in the queue"):
        drop(queue, store, number + 1)
    clock.now += 10
    queue.ripen()
    study = queue.claim(Stage.PROCESS)
    with pytest.raises(InputError, match="being worked on"):
        drop(queue, store, number)
    queue.failed(study, "why", retry_in=None)
    drop(queue, store, number)
    assert (list_studies(queue), store.studies()) == ([], [])
    assert receive(queue, store, "1")[1] == [True]


@pytest.mark.parametrize("change", [drop, retry])
def test_nobody_begins_what_is_being_changed(queue, store, clock, monkeypatch, change):
    """Else a study would vanish under the thread that works on it."""
    number, _ = receive(queue, store, "1")
    clock.now += 10
    queue.ripen()
    claimed, look = [], upkeep._idle
    with closing(StudyQueue(store.queue, clock)) as node:
        worker = threading.Thread(target=lambda: claimed.append(node.claim(Stage.PROCESS)))

        def slow_look(*what):
            found = look(*what)
            worker.start()
            worker.join(0.2)
            assert claimed == []
            return found

        monkeypatch.setattr(upkeep, "_idle", slow_look)
        change(queue, store, number)
        worker.join()
    assert [study and study.tries for study in claimed] == [None if change is drop else 1]


def test_purging_goes_past_a_study_that_is_tried_again(queue, store, clock, tmp_path, monkeypatch):
    config = NodeConfig(store=tmp_path, remember_days=2)
    first, second = (receive(queue, store, "1", study=uid)[0] for uid in ("1.1", "1.2"))
    for number in (first, second):
        to_done(queue, clock, number)
    clock.now += 2 * 86400
    studies = queue.database.studies

    def found(where, *values):
        rows = studies(where, *values)
        if "state IN" in where:
            retried = "UPDATE study SET state = 'processing' WHERE id = ?"
            queue.database.rows(retried, first)
        return rows

    monkeypatch.setattr(queue.database, "studies", found)
    purge(queue, store, config)
    assert [study.id for study in list_studies(queue)] == [first]


def test_old_files_go_first_then_the_record(queue, store, clock, tmp_path):
    config = NodeConfig(store=tmp_path, keep_hours=1, remember_days=2)
    number, _ = receive(queue, store, "1", "2")
    to_done(queue, clock, number)
    (store.root / "studies" / "99").mkdir()
    purge(queue, store, config)
    assert store.studies() == [number]
    clock.now += 3601
    purge(queue, store, config)
    assert store.studies() == []
    # Sent again, identical: nothing to do. With one more: done again, with all that came again.
    assert receive(queue, store, "1", "2")[1] == [False, False]
    assert (queue.get(number).instances, state(queue, number)) == (2, State.DONE)
    receive(queue, store, "3")
    to_done(queue, clock, number)
    clock.now += 2 * 86400
    purge(queue, store, config)
    assert list_studies(queue) == []


def test_it_is_all_still_there_after_a_start(store, clock, queue):
    number, _ = receive(queue, store, "1")
    other = StudyQueue(store.queue, clock)
    assert other.get(number) == queue.get(number)
    other.close()


def test_one_node_per_store(store):
    store.lock()
    with pytest.raises(OutputError, match="another node"):
        Store(store.root).lock()
    store.unlock()
    second = Store(store.root)
    second.lock()
    second.unlock()


def test_no_queue_in_a_file_of_something_else(tmp_path):
    (tmp_path / "queue.sqlite").write_text("no database at all, but a long enough text to be looked at")
    with pytest.raises(InputError, match="expected the queue"):
        StudyQueue(tmp_path / "queue.sqlite")
