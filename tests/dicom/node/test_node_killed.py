"""The worst day: the node is killed in the middle of its work and started again."""

import threading

from node_pacs import Archive, calling, kill, send, states, wait_until

from spondyl.dicom.node.study import State


def wait_done(config):
    wait_until(lambda: states(config) == [State.DONE], "the study is done")


def test_killed_while_receiving(launch, archive, slices, diary):
    with archive.listening():
        config, program = launch(patience_s=30)
        with calling(config.port) as association:
            assert [association.send_c_store(slice_).Status for slice_ in slices[:2]] == [0, 0]
            kill(program)
        (config.store / "incoming" / "half.dcm").write_bytes(b"half an object")
        launch(patience_s=30)
        assert states(config) == [State.RECEIVED]
        assert list((config.store / "incoming").iterdir()) == []
        # A sender sends again what was not acknowledged; what was acknowledged is still there.
        send(config.port, slices[2:])
        wait_done(config)
    assert diary.read_text().split() == ["begin", "end", "3"]
    assert len(set(archive.got)) == len(archive.got) == 2


def test_killed_while_processing(launch, archive, slices, diary):
    with archive.listening():
        config, program = launch("hangs once")
        send(config.port, slices)
        wait_until(diary.exists, "processing begins")
        kill(program)
        launch("hangs once")
        wait_done(config)
    assert diary.read_text().split("\n") == ["begin", "begin", "end 3", ""]
    assert len(set(archive.got)) == len(archive.got) == 2


def test_killed_while_sending(launch, slices, archive, diary):
    killed = threading.Event()

    def stalls_at_the_second(count):
        if count == 2:
            killed.wait(30)
        return 0x0000

    slow = Archive(stalls_at_the_second, archive.port)
    with slow.listening():
        config, program = launch()
        send(config.port, slices)
        wait_until(lambda: len(slow.got) == 2, "the second result is on its way")
        kill(program)
        killed.set()
        launch()
        wait_done(config)
    assert diary.read_text().split() == ["begin", "end", "3"]  # results are kept, not made again
    first, second, again = slow.got  # the one without an answer goes again, as the same instance
    assert first != second == again


def test_sigterm(launch, slices, diary):
    config, program = launch("hangs")
    send(config.port, slices)
    wait_until(diary.exists, "processing begins")
    program.terminate()
    assert program.wait(timeout=30) == 0
    assert states(config) == [State.QUEUED]
