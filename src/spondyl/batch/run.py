"""A run: many scans through an executor, with a line in the manifest for each."""

from collections.abc import Generator, Iterable, Iterator, Mapping
from contextlib import closing
from typing import Final

from spondyl.batch.executors import Executor
from spondyl.batch.job import Job
from spondyl.batch.manifest import Writer, latest, read_manifest
from spondyl.batch.records import Record, Task
from spondyl.batch.scans import Scan
from spondyl.errors import DiskFullError

__all__ = ["run_batch"]

_FULL: Final = DiskFullError.__name__


def run_batch(scans: Iterable[Scan], job: Job, executor: Executor) -> Generator[Record, None, None]:
    """Predict many scans. A bad one is recorded and skipped, the others finish.

    What is done already is not done again: a scan is skipped if its result is there, made from the same
    content by the same model with the same options. A scan that failed by its own fault is not tried again
    either, unless ``job.retry_failed``.

    Args:
        scans: From :func:`spondyl.batch.find_scans`; any number.
        job: What to do.
        executor: Who does it.

    Yields:
        One record per scan, as soon as it is done and in the manifest.

    Raises:
        DiskFullError: no space is left; what is done until then is whole, and the run can be repeated.
        OutputError: the manifest cannot be written.
        ModelError: the workers cannot use the model.
        MissingDependencyError: something is not installed.
        WorkerError: no worker stays alive.
    """
    known = latest(read_manifest(job.out))
    with closing(Writer(job.out)) as manifest, closing(executor.run(job, _tasks(scans, known))) as records:
        for record in records:
            if record.kind == _FULL:
                raise DiskFullError(
                    f"{record.message}, then run the same command again: it goes on with this scan"
                )
            manifest.write(record)
            yield record


def _tasks(scans: Iterable[Scan], known: Mapping[str, Record]) -> Iterator[Task]:
    for scan in scans:
        yield Task(scan, known.get(scan.name))
