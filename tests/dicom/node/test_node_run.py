"""A whole node with a stand-in for the pipeline: from a sent study to the results at an archive."""

import logging
import os
import threading
from contextlib import closing

import pytest
from node_fakes import NAME, PATIENT, SR, FakeProcess, anything_goes
from node_pacs import Archive, calling, send, wait_until
from pynetdicom.sop_class import Verification

from spondyl.cli._node_log import OwnWords
from spondyl.dicom.node import Node, Peer
from spondyl.dicom.node.queue import StudyQueue
from spondyl.dicom.node.study import Stage, State
from spondyl.dicom.node.upkeep import list_studies, retry
from spondyl.errors import OutputError


@pytest.fixture
def start(settings, process):
    """Starts a node; it is stopped at the end of the test."""
    running = []

    def start(doing=process, **more):
        node = Node(settings(**more), doing)
        node.start()
        running.append(node)
        return node

    yield start
    for node in running:
        node.stop(grace_s=1)


def states(node):
    return [study.state for study in list_studies(node.queue)]


def wait_for(node, *wanted):
    wait_until(lambda: states(node) == list(wanted), f"{wanted}")


def test_sent_thrice_by_an_impatient_router(start, archive, slices, diary):
    with archive.listening():
        node = start()
        for _ in range(3):
            send(node.config.port, slices)
        wait_for(node, State.DONE)
        send(node.config.port, slices)
    assert diary.read_text().split("\n") == ["begin", "end 3", ""]
    assert len(archive.got) == len(set(archive.got)) == 2
    assert states(node) == [State.DONE]


def test_a_study_that_grows_is_done_again(start, archive, slices, diary):
    with archive.listening():
        node = start()
        send(node.config.port, slices[:2])
        wait_for(node, State.DONE)
        send(node.config.port, slices)
        wait_until(lambda: len(archive.got) == 4, "both results")
        wait_for(node, State.DONE)
    assert diary.read_text().split("\n") == ["begin", "end 2", "begin", "end 3", ""]


def test_half_a_study_waits_for_the_rest(start, archive, slices, diary):
    with archive.listening():
        node = start()
        with calling(node.config.port) as association:
            association.send_c_store(slices[0])
            association.abort()
        send(node.config.port, slices[1:])
        wait_for(node, State.DONE)
    assert "end 3" in diary.read_text()


def test_an_archive_that_comes_late(start, archive, slices):
    node = start()
    send(node.config.port, slices)
    wait_for(node, State.FAILED)
    assert "cannot be reached" in list_studies(node.queue)[0].error
    with archive.listening():
        wait_for(node, State.DONE)
    assert len(archive.got) == 2


def test_given_up_after_some_tries_and_retried_by_hand(start, archive, slices, caplog):
    caplog.set_level(logging.INFO)
    node = start(sending_tries=2)
    send(node.config.port, slices)
    wait_for(node, State.DEAD)
    assert (list_studies(node.queue)[0].tries, caplog.text.count("given up")) == (2, 1)
    with archive.listening():
        retry(node.queue, node.store, 1)
        wait_for(node, State.DONE)
    assert len(archive.got) == 2


def test_an_archive_that_refuses_one_object(start, slices, archive):
    picky = Archive(lambda count: 0xA700 if count == 2 else 0x0000, archive.port)
    with picky.listening():
        node = start()
        send(node.config.port, slices)
        wait_for(node, State.DONE)
    first, refused, again = picky.got
    assert first != refused == again


def test_the_first_object_refused_the_others_are_delivered(start, slices, archive):
    picky = Archive(lambda count: 0xC000 if count == 1 else 0x0000, archive.port)
    with picky.listening():
        node = start(sending_tries=1)
        send(node.config.port, slices)
        wait_for(node, State.DEAD)
    assert len(picky.got) == 2
    assert "refuses Segmentation Storage with status 0xC000" in list_studies(node.queue)[0].error
    assert len(node.queue.unsent(1)) == 1


def test_an_archive_that_takes_no_segmentations(start, slices, archive):
    """It gets the report; what it does not take is told."""
    old = Archive(port=archive.port, takes=(SR,))
    with old.listening():
        node = start(sending_tries=2)
        send(node.config.port, slices)
        wait_for(node, State.DEAD)
    assert len(old.got) == 1
    assert list_studies(node.queue)[0].error.endswith(
        f":{old.port} does not take or offer Segmentation Storage"
    )


def test_an_archive_that_takes_nothing_of_ours(start, slices, archive):
    with Archive(port=archive.port, takes=(Verification,)).listening():
        node = start(sending_tries=1)
        send(node.config.port, slices)
        wait_for(node, State.DEAD)
    error = list_studies(node.queue)[0].error
    assert "does not take or offer Segmentation Storage, Comprehensive SR Storage" in error


def test_an_archive_that_has_an_object_already(start, slices, archive):
    """As after a kill between its answer and our note of it; some archives refuse a second one."""
    picky = Archive(lambda count: 0x0111 if count == 1 else 0x0000, archive.port)
    with picky.listening():
        node = start()
        send(node.config.port, slices)
        wait_for(node, State.DONE)
    assert len(picky.got) == 2


def test_whatever_goes_wrong_the_node_goes_on(start, slices, monkeypatch, caplog):
    ripen, troubles = StudyQueue.ripen, [RuntimeError(NAME)]

    def fails_once(queue):
        if troubles:
            raise troubles.pop()
        return ripen(queue)

    monkeypatch.setattr(StudyQueue, "ripen", fails_once)
    node = start(send_to=None)
    send(node.config.port, slices)
    wait_for(node, State.DONE)
    assert "process_next: RuntimeError in test_node_run.py:" in caplog.text
    assert NAME not in caplog.text


def test_a_process_that_cannot_be_begun(start, slices):
    node = start(lambda *_: None, processing_tries=1)  # no process can be given a lambda
    send(node.config.port, slices)
    wait_for(node, State.DEAD)
    assert "Error in reduction.py:" in list_studies(node.queue)[0].error


@pytest.mark.parametrize(
    ("trouble", "tries", "words"),
    [("useless", 1, "has no spine"), ("broken", 2, "RuntimeError"), ("hangs", 1, "took longer than")],
)
def test_a_study_that_cannot_be_done(start, slices, diary, trouble, tries, words):
    limit_s = 0.5 if trouble == "hangs" else 60
    node = start(FakeProcess(diary, trouble), processing_tries=2, time_limit_s=limit_s)
    send(node.config.port, slices)
    wait_for(node, State.DEAD)
    (study,) = list_studies(node.queue)
    assert (study.tries, words in study.error) == (tries, True)
    assert trouble == "hangs" or diary.read_text().count("begin") == tries


def test_no_patient_in_the_log(start, slices, diary, caplog, capfd):
    caplog.set_level(logging.DEBUG)
    caplog.handler.addFilter(OwnWords())
    node = start(FakeProcess(diary, "useless"))
    with anything_goes():
        del slices[1].StudyInstanceUID
        slices[1].StudyInstanceUID = "../../" + PATIENT
    with calling(node.config.port) as association:
        for slice_ in slices:
            association.send_c_store(slice_)
    wait_for(node, State.DEAD)
    logging.getLogger("pydicom").error("a library tells of %s", NAME, exc_info=ValueError(NAME))
    said = caplog.text + "".join(capfd.readouterr()) + list_studies(node.queue)[0].error
    assert "study 1: processing failed" in said
    assert "an error in this library: ValueError" in said
    for value in (NAME, *NAME.split("^"), PATIENT, slices[0].PatientBirthDate, slices[0].StudyInstanceUID):
        assert value not in said


def test_results_stay_where_nobody_wants_them(start, slices):
    node = start(send_to=None)
    send(node.config.port, slices)
    wait_for(node, State.DONE)
    assert len(list(node.store.results(1).iterdir())) == 2


def test_results_are_on_the_disk_before_the_queue_says_so(start, slices, monkeypatch):
    """Else a power cut leaves results that can be neither sent nor made again."""
    flushed, safe = set(), []
    fsync, processed = os.fsync, StudyQueue.processed

    def note(handle):
        flushed.add(os.fstat(handle).st_ino)
        fsync(handle)

    def notice(queue, study, files):
        safe.extend(file.stat().st_ino in flushed for file in node.store.results(study.id).iterdir())
        return processed(queue, study, files)

    monkeypatch.setattr("os.fsync", note)
    monkeypatch.setattr(StudyQueue, "processed", notice)
    node = start(send_to=None)
    send(node.config.port, slices)
    wait_for(node, State.DONE)
    assert safe == [True, True]


def test_a_destination_taken_away_and_given_back(start, archive, slices, caplog):
    node = start(retry_first_s=1000, retry_longest_s=1000)
    send(node.config.port, slices)
    wait_for(node, State.FAILED)
    node.stop()
    without = start(send_to=None)
    wait_for(without, State.DEAD)
    assert "studies with results to send: 1; the settings name no destination any more" in caplog.text
    assert "name no destination any more" in list_studies(without.queue)[0].error
    retry(without.queue, without.store, 1)
    wait_for(without, State.DEAD)
    without.stop()
    with archive.listening():
        again = start()
        wait_for(again, State.DONE)
    assert len(archive.got) == 2


def test_a_destination_that_is_given_back_gets_only_what_failed_for_want_of_it(start, slices):
    node = start(sending_tries=1)
    send(node.config.port, slices)
    wait_for(node, State.DEAD)
    node.stop()
    again = start()
    assert states(again) == [State.DEAD]
    assert "cannot be reached" in list_studies(again.queue)[0].error


def test_half_sent_and_then_another_destination(start, slices, archive):
    picky = Archive(lambda count: 0x0000 if count == 1 else 0xA700, archive.port)
    with picky.listening():
        node = start(retry_first_s=1000, retry_longest_s=1000)
        send(node.config.port, slices)
        wait_for(node, State.FAILED)
        node.stop()
    other = Archive()
    with other.listening():
        again = start(send_to=Peer(title=other.title, host="127.0.0.1", port=other.port))
        wait_for(again, State.DONE)
    assert len(other.got) == 2


def test_no_space_to_process_is_waited_for(start, slices, monkeypatch, caplog):
    node = start(min_free_mb=10, send_to=None)
    send(node.config.port, slices)
    free = iter([5])
    monkeypatch.setattr("spondyl.dicom.node.node._FULL_S", 0.1)
    monkeypatch.setattr("spondyl.dicom.node.store.Store.free_mb", lambda _: next(free, 50))
    wait_for(node, State.DONE)
    assert "waits: less than 10 MB free" in caplog.text
    assert list_studies(node.queue)[0].tries == 0


def test_stopped_in_good_order(start, slices, diary, settings):
    node = start(FakeProcess(diary, "hangs"))
    send(node.config.port, slices)
    wait_for(node, State.PROCESSING)
    wait_until(diary.exists, "the process works")
    threads = threading.active_count()
    node.stop()
    assert threading.active_count() < threads
    again = Node(settings(), FakeProcess(diary))
    assert (states(again), list_studies(again.queue)[0].tries) == ([State.QUEUED], 0)
    again.queue.close()


def test_a_study_that_ends_the_node_again_and_again_is_given_up(start, settings, slices, diary):
    node = start(FakeProcess(diary, "hangs"))
    send(node.config.port, slices)
    wait_until(diary.exists, "the process works")
    node.stop()
    with closing(StudyQueue(settings().store / "queue.sqlite")) as queue:
        for _ in range(settings().processing_tries):  # as if the node had been killed each time
            queue.claim(Stage.PROCESS)
            queue.recover()
    again = start()
    wait_for(again, State.DEAD)
    assert "again and again" in list_studies(again.queue)[0].error
    assert diary.read_text().count("begin") == 1


def test_a_second_node_is_refused(start, settings):
    start()
    with pytest.raises(OutputError, match="another node"):
        Node(settings()).start()
