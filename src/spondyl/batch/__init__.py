"""Many scans: in this process, in several, or on a cluster; resumable, and nothing half-written.

::

    find_scans -> Scan -> Task -> Executor -> Worker -> Record -> manifest.jsonl
                                                  `---> Results (OUT/NAME/)

>>> from spondyl.batch import InProcess, find_scans, make_job, run_batch
>>> scans, problems = find_scans(["scans/"])                                # doctest: +SKIP
>>> for record in run_batch(scans, make_job("results/"), InProcess()):      # doctest: +SKIP
...     print(record.status, record.name, record.vertebrae)
"""

from spondyl.batch.executors.cluster import RayCluster
from spondyl.batch.executors.inprocess import InProcess
from spondyl.batch.executors.processes import ProcessPool
from spondyl.batch.job import Job, make_job
from spondyl.batch.manifest import MANIFEST, read_manifest
from spondyl.batch.records import Record
from spondyl.batch.run import run_batch
from spondyl.batch.scans import Failure, Scan, find_scans

__all__ = [
    "MANIFEST",
    "Failure",
    "InProcess",
    "Job",
    "ProcessPool",
    "RayCluster",
    "Record",
    "Scan",
    "find_scans",
    "make_job",
    "read_manifest",
    "run_batch",
]
