"""Cores that are really ours."""

import os

import pytest

from spondyl.batch.cores import available_cores, threads_per_worker

CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()


@pytest.mark.parametrize(
    ("text", "cores"),
    [
        ("max 100000\n", CORES),
        ("100000 100000\n", 1),
        ("50000 100000\n", 1),
        ("100000000 100000\n", CORES),
        ("nonsense", CORES),
    ],
)
def test_the_limit_of_a_container_counts(tmp_path, text, cores):
    (tmp_path / "cpu.max").write_text(text)
    assert available_cores(tmp_path / "cpu.max") == cores


def test_without_a_container(tmp_path):
    assert available_cores(tmp_path / "nothing") == CORES


def test_workers_share_the_cores():
    assert threads_per_worker(1) == available_cores()
    assert threads_per_worker(10_000) == 1
