"""The node's ear: who is heard, what is taken, and what is answered to everything else."""

import gc
import hashlib
import socket
import sqlite3
import tempfile
import threading
import tracemalloc
import zlib
from concurrent.futures import ThreadPoolExecutor

import pytest
from node_fakes import SEG, anything_goes, make_result, make_slices
from node_pacs import announce, calling, send, wait_until
from pydicom import dcmread
from pydicom.encaps import encapsulate
from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRLittleEndian, JPEG2000Lossless, generate_uid
from pynetdicom import build_context
from pynetdicom.dsutils import encode
from pynetdicom.pdu_primitives import P_DATA
from pynetdicom.sop_class import CTImageStorage

from spondyl.dicom.node.contexts import CT_CLASSES, CT_SYNTAXES
from spondyl.dicom.node.queue import StudyQueue
from spondyl.dicom.node.receive import Receiver
from spondyl.dicom.node.store import Store, hash_file
from spondyl.dicom.node.study import State
from spondyl.dicom.node.upkeep import drop, list_studies
from spondyl.errors import OutputError


@pytest.fixture
def listen(settings):
    """Starts a receiver; gives its settings, store and queue."""
    running = []

    def start(**more):
        config = settings(**more)
        store = Store(config.store)
        queue = StudyQueue(store.queue)
        receiver = Receiver(config, store, queue, files=threading.Lock())
        running.append((receiver, queue))
        receiver.start()
        return config, store, queue

    def stop():
        while running:
            receiver, queue = running.pop()
            receiver.stop()
            queue.close()

    start.stop, start.running = stop, running
    yield start
    stop()


def statuses(answers):
    return [answer.Status for answer in answers]


def test_a_header_that_unfolds_to_gigabytes(listen, slices):
    """The node itself reads it; what a study's own process reads has limits of its own."""
    config, store, _ = listen()
    slice_ = slices[0]
    whole = encode(slice_, is_implicit_vr=False, is_little_endian=True)
    before = whole.index(b"\xe0\x7f\x10\x00")
    private = b"\x11\x70\x10\x00LO\x04\x00NOBO\x11\x70\x01\x10OB\0\0" + (300 << 20).to_bytes(4, "little")
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    packed = packer.compress(whole[:before] + private)
    packed += b"".join(packer.compress(bytes(1 << 20)) for _ in range(300))
    packed += packer.compress(whole[before:]) + packer.flush()
    context = build_context(CTImageStorage, DeflatedExplicitVRLittleEndian)
    tracemalloc.start()
    try:
        with calling(config.port, contexts=[context]) as association:
            assert announce(association, slice_, raw=packed).Status == 0xC000
        assert tracemalloc.get_traced_memory()[1] < 100 << 20
    finally:
        tracemalloc.stop()
    assert list(store.incoming.iterdir()) == []


def test_echo(listen):
    config, _, _ = listen()
    with calling(config.port) as association:
        assert association.send_c_echo().Status == 0


@pytest.mark.parametrize(
    ("titles", "diagnostic"),
    [({"title": "STRANGER"}, 0x03), ({"called": "SOMEBODY"}, 0x07)],
    ids=["calling", "called"],
)
def test_strangers_are_refused(listen, titles, diagnostic, caplog):
    config, _, _ = listen()
    with calling(config.port, **titles) as association:
        assert association.is_rejected
        assert association.acceptor.primitive.diagnostic == diagnostic
    assert wait_until(lambda: "refused" in caplog.text, "the refusal is logged")


def test_objects_are_kept_as_they_came(listen, slices):
    config, store, queue = listen()
    assert statuses(send(config.port, slices)) == [0, 0, 0]
    (study,) = list_studies(queue)
    assert (study.uid, study.source, study.instances) == (slices[0].StudyInstanceUID, "SENDER", 3)
    kept = {dcmread(file).SOPInstanceUID: dcmread(file) for file in store.received(study.id).iterdir()}
    assert kept == {slice_.SOPInstanceUID: slice_ for slice_ in slices}
    assert list(store.incoming.iterdir()) == []
    digests = {hashlib.sha256(file.read_bytes()).hexdigest() for file in store.received(study.id).iterdir()}
    assert digests == {row[0] for row in queue.database.rows("SELECT digest FROM instance")}


def test_one_study_through_many_associations_at_once(listen):
    config, store, queue = listen()
    slices = make_slices(12)
    with ThreadPoolExecutor(4) as pool:
        parts = pool.map(lambda part: statuses(send(config.port, slices[part::3])), [0, 1, 2, 0])
        assert [status for part in parts for status in part] == [0] * 16
    (study,) = list_studies(queue)
    assert (study.instances, study.revision, len(list(store.received(study.id).iterdir()))) == (12, 12, 12)


def test_a_release_shortens_the_wait(listen, slices):
    config, _, queue = listen(quiet_s=50, patience_s=500)
    with calling(config.port) as association:
        association.send_c_store(slices[0])
        (open_,) = list_studies(queue)
    wait_until(lambda: list_studies(queue)[0].complete < open_.complete - 400, "the study is settled")


def test_a_cut_association_waits_with_patience(listen, slices, caplog):
    config, _, queue = listen(quiet_s=50, patience_s=500)
    with calling(config.port) as association:
        association.send_c_store(slices[0])
        association.abort()
    wait_until(lambda: "was cut" in caplog.text, "the cut is noticed")
    (study,) = list_studies(queue)
    assert study.complete - study.changed > 400


def test_who_leaves_before_the_answer_is_forgotten(listen, slices, monkeypatch):
    config, _, queue = listen()
    ((receiver, _),) = listen.running
    taken, gone = threading.Event(), threading.Event()

    def slow(file):
        taken.set()
        gone.wait(30)
        return hash_file(file)

    monkeypatch.setattr("spondyl.dicom.node.receive.hash_file", slow)
    with calling(config.port) as association, ThreadPoolExecutor(1) as pool:
        pool.submit(association.send_c_store, slices[0])
        taken.wait(30)
        association.dul.socket.socket.shutdown(socket.SHUT_RDWR)
        wait_until(lambda: not receiver._coming, "its end is noticed")
        gone.set()
    wait_until(lambda: not talking(), "its threads end")
    wait_until(lambda: (gc.collect(), not receiver._brought)[1], "nothing is remembered of it")
    assert list_studies(queue)[0].instances == 1


def test_every_coding_of_ct_is_taken(listen):
    config, _, _ = listen()
    for syntax in CT_SYNTAXES:
        with calling(config.port, contexts=[build_context(uid, syntax) for uid in CT_CLASSES]) as association:
            accepted = [
                (context.abstract_syntax, *context.transfer_syntax)
                for context in association.accepted_contexts
            ]
        assert sorted(accepted) == [(uid, syntax) for uid in sorted(CT_CLASSES)]


def test_compressed_objects_stay_compressed(listen, slices):
    config, store, queue = listen()
    slices[0].file_meta.TransferSyntaxUID = JPEG2000Lossless
    slices[0].PixelData = encapsulate([b"not looked at here"])
    context = build_context(CTImageStorage, JPEG2000Lossless)
    assert statuses(send(config.port, slices[:1], contexts=[context])) == [0]
    (file,) = store.received(list_studies(queue)[0].id).iterdir()
    assert dcmread(file).file_meta.TransferSyntaxUID == JPEG2000Lossless


def test_other_objects_are_not_negotiated(listen, slices):
    config, _, queue = listen()
    with calling(config.port, contexts=[build_context(SEG)]) as association:
        assert association.accepted_contexts == []
    assert list_studies(queue) == []


def test_other_objects_are_dropped_on_demand(listen, slices):
    config, store, queue = listen(others="drop")
    result = make_result(slices[0], SEG, "SEG")
    context = build_context(SEG, ExplicitVRLittleEndian)
    assert statuses(send(config.port, [result], contexts=[context])) == [0]
    assert (list_studies(queue), list(store.incoming.iterdir())) == ([], [])


@pytest.mark.parametrize(
    ("name", "value", "status"),
    [
        ("StudyInstanceUID", "", 0xC000),
        ("StudyInstanceUID", "../../etc", 0xC000),
        ("StudyInstanceUID", ["1.2", "1.3"], 0xC000),
        ("StudyInstanceUID", None, 0xC000),
    ],
)
def test_bad_headers_are_refused(listen, slices, name, value, status):
    config, store, queue = listen()
    with anything_goes():
        delattr(slices[0], name)
        if value is not None:
            setattr(slices[0], name, value)
        (answer,) = send(config.port, slices[:1])
    assert (answer.Status, "UID" in answer.ErrorComment) == (status, True)
    assert (list_studies(queue), store.studies()) == ([], [])


def test_an_object_that_is_not_what_was_announced(listen, slices):
    config, _, queue = listen()
    with calling(config.port) as association:
        assert announce(association, slices[0], uid=generate_uid()).Status == 0xA900
        assert association.send_c_store(slices[1]).Status == 0
    assert list_studies(queue)[0].instances == 1


def test_garbage_is_refused_and_the_next_object_taken(listen, slices):
    config, store, queue = listen()
    with calling(config.port) as association:
        answer = announce(association, slices[0], raw=b"\x08\x00\x05\x00CS\xff\xff no DICOM")
        assert answer.Status == 0xC000
        assert association.send_c_store(slices[1]).Status == 0
    assert (list_studies(queue)[0].instances, list(store.incoming.iterdir())) == (1, [])


@pytest.mark.parametrize(
    ("limit", "words"),
    [({"max_instances": 2}, "more than 2 instances"), ({"max_study_mb": 1}, "larger than 1 MB")],
    ids=["instances", "size"],
)
def test_too_large_a_study_is_refused_clearly(listen, limit, words, caplog):
    config, store, queue = listen(**limit)
    slices = make_slices(4, rows=16 if "max_instances" in limit else 512)
    answers = send(config.port, slices)
    assert statuses(answers) == [0, *[0xA700] * 3] if "max_study_mb" in limit else [0, 0, 0xA700, 0xA700]
    assert answers[-1].ErrorComment == f"study refused: {words}"
    (study,) = list_studies(queue)
    assert (study.state, study.error, store.studies()) == (State.DEAD, words, [])
    assert caplog.text.count("refused") == 1
    drop(queue, store, study.id)
    assert statuses(send(config.port, slices[:1])) == [0]


@pytest.mark.parametrize("limit", [{"max_instances": 4}, {"max_study_mb": 1}], ids=["instances", "size"])
def test_a_study_within_the_limits_may_come_again(listen, limit):
    config, _, queue = listen(**limit)
    slices = make_slices(4, rows=16 if "max_instances" in limit else 340)
    assert statuses(send(config.port, slices)) == [0] * 4
    assert statuses(send(config.port, slices)) == [0] * 4
    assert list_studies(queue)[0].instances == 4


def test_refused_by_one_association_is_refused_for_all(listen, slices, monkeypatch):
    """Another association brings the study over a limit, while this one is about to place an object."""
    config, store, queue = listen()
    send(config.port, slices[:1])

    def refused_meanwhile(file):
        queue.refuse(1, "too large")
        store.delete(1)
        return hash_file(file)

    monkeypatch.setattr("spondyl.dicom.node.receive.hash_file", refused_meanwhile)
    assert statuses(send(config.port, slices[1:2])) == [0xA700]
    assert (list_studies(queue)[0].state, store.studies()) == (State.DEAD, [])


def test_one_object_without_end_is_cut_off(listen, caplog):
    config, store, queue = listen(max_study_mb=1)
    (huge,) = make_slices(1, rows=2048)
    with calling(config.port) as association:
        assert "Status" not in association.send_c_store(huge)
    wait_until(lambda: "too large" in caplog.text, "it is logged")
    wait_until(lambda: not list(store.incoming.iterdir()), "the half object is deleted")
    assert list_studies(queue) == []


def test_a_full_disk_is_told_and_does_not_last(listen, slices, monkeypatch, caplog):
    config, _, queue = listen(min_free_mb=1000)
    free = iter([999, 999, 2000])
    monkeypatch.setattr(Store, "free_mb", lambda _: next(free))
    answers = send(config.port, slices)
    assert statuses(answers) == [0xA700, 0xA700, 0]
    assert "disk nearly full" in answers[0].ErrorComment
    assert caplog.text.count("less than 1000 MB free") == 1
    assert list_studies(queue)[0].instances == 1


@pytest.mark.parametrize(
    "error", [OSError(28, "No space left"), sqlite3.OperationalError("database or disk is full")]
)
def test_what_cannot_be_written_is_not_acknowledged(listen, slices, monkeypatch, error):
    config, _, queue = listen()
    with monkeypatch.context() as patch:
        patch.setattr(Store if isinstance(error, OSError) else StudyQueue, *broken(error))
        assert statuses(send(config.port, slices[:1])) == [0xA700]
    assert statuses(send(config.port, slices)) == [0, 0, 0]
    assert list_studies(queue)[0].instances == 3


def broken(error):
    def fails(*_args, **_more):
        raise error

    return ("place" if isinstance(error, OSError) else "add"), fails


def test_a_port_in_use(listen, settings, tmp_path):
    config, store, queue = listen()
    with pytest.raises(OutputError, match="choose another port"):
        Receiver(config, store, queue, files=threading.Lock()).start()
    assert tempfile.tempdir == str(store.incoming)  # the one that listens still streams there


@pytest.mark.parametrize("words", [b"", b"\x01\x00\x00", b"\x01\x00\x00\x00\x10\x00 and then nothing"])
def test_who_says_half_a_word_holds_nobody_up(listen, words):
    config, _, _ = listen()
    with socket.create_connection(("127.0.0.1", config.port)) as connection:
        connection.sendall(words)
        wait_until(talking, "it is listened to")
        listen.stop()
    wait_until(lambda: not talking(), "its threads end")


def test_who_says_nothing_more_is_cut(listen, monkeypatch):
    monkeypatch.setattr("spondyl.dicom.node.receive.IDLE_S", 0.2)
    config, _, _ = listen()
    with socket.create_connection(("127.0.0.1", config.port)) as connection:
        connection.sendall(b"\x01\x00\x00\x00\x10\x00")
        assert connection.recv(1) == b""


def test_a_message_of_four_gigabytes_is_not_waited_for(listen, caplog):
    config, _, _ = listen()
    with socket.create_connection(("127.0.0.1", config.port)) as connection:
        connection.sendall(b"\x01\x00\xff\xff\xff\xff")
        assert connection.recv(1) == b""
    assert "a message of 4294967295 bytes" in caplog.text
    wait_until(lambda: not talking(), "its threads end")


def test_a_command_without_end_is_cut_off(listen, caplog):
    config, _, _ = listen()
    with calling(config.port) as association:
        part = P_DATA()
        part.presentation_data_value_list = [[1, b"\x01" + bytes(10_000)]]
        for _ in range(200):
            association.dul.send_pdu(part)
        wait_until(lambda: association.is_aborted, "it is cut")
    assert "a command is too large" in caplog.text


def talking():
    return [thread for thread in threading.enumerate() if "AcceptorThread" in thread.name]
