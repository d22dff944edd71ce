"""Junk leaves nothing behind: no file, no thread, no socket, no memory; and the next study is done."""

import psutil
from node_junk import throw_junk
from node_pacs import send, states, wait_until

from spondyl.dicom.node.study import State

COUNT = 90
"""``benchmarks/bench_node_junk.py`` throws 5,000."""


def test_junk_is_refused_and_forgotten(launch, slices):
    config, program = launch(send_to=None)
    node = psutil.Process(program.pid)
    throw_junk(config.port, 15)  # what is loaded with the first object of its kind stays
    wait_until(lambda: not files(config), "what was cut off is deleted")
    before, memory = used(node), memory_mb(node)
    assert throw_junk(config.port, COUNT, seed=1) == COUNT - COUNT // 3
    wait_until(lambda: used(node) <= before, "threads and sockets have ended")
    assert memory_mb(node) - memory < 50
    wait_until(lambda: not files(config), "what was cut off is deleted")
    assert states(config) == []
    send(config.port, slices)
    wait_until(lambda: states(config) == [State.DONE], "a study after the junk")


def used(node):
    """Threads, and open files and sockets together."""
    return node.num_threads() + node.num_fds()


def memory_mb(node):
    return node.memory_info().rss / 1e6


def files(config):
    return list((config.store / "incoming").iterdir()) + list((config.store / "studies").iterdir())
