"""``spondyl predict``: find, name and segment the vertebrae of scans."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter, validators

if TYPE_CHECKING:
    from spondyl.batch import Job, Scan
    from spondyl.batch.executors import Executor
    from spondyl.cli._predict_report import Report

__all__ = ["model_folders", "predict"]


def predict(  # noqa: PLR0913 - options of a command
    *inputs: str,
    output: Annotated[str, Parameter(name=["-o", "--output"])],
    outputs: str = "",
    series: str | None = None,
    model: Path | None = None,
    detection: Path | None = None,
    identification: Path | None = None,
    segmentation: Path | None = None,
    engine: Literal["auto", "openvino", "onnxruntime", "torch"] = "auto",
    precision: Literal["f32", "bf16"] = "f32",
    workers: Annotated[int | None, Parameter(validator=validators.Number(gte=1))] = None,
    threads: Annotated[int | None, Parameter(validator=validators.Number(gte=1))] = None,
    ray: str | None = None,
    shard: str = "0/1",
    time_limit: Annotated[int | None, Parameter(validator=validators.Number(gte=1))] = None,
    measurements: Annotated[bool, Parameter(negative="--no-measurements")] = True,
    overwrite: Annotated[bool, Parameter(negative=())] = False,
    retry_failed: Annotated[bool, Parameter(negative=())] = False,
    json_: Annotated[bool, Parameter(name="--json", negative=())] = False,
) -> int:
    """Find, name and segment every vertebra in CT scans.

    Writes OUTPUT/NAME/ per scan: result.json, centroids.json, mask.nii.gz and preview.png. Scans that are
    done already are skipped, so an interrupted run is simply started again. OUTPUT/manifest.jsonl tells what
    became of every scan.
    Exit code 0: all scans done; 1: some could not be used; 2: none could; 130: interrupted.

    Args:
        inputs: Scans, and folders of scans; DICOM series as folders, zip archives or DICOMDIR; or URLs of
            scans and folders (s3://bucket/scans).
        output: Folder for the results, or its URL.
        outputs: Further files per scan, with commas between: nrrd, totalsegmentator, mrk, csv, lml, stl,
            ply, gltf, html, pdf; of DICOM series also dicom-seg, dicom-labelmap, dicom-sr, rtstruct.
        series: Of DICOM studies, the series with this UID, number or description (default: the best).
        model: Model folder (default: the one that comes with Spondyl).
        detection: Model folder of the detection stage alone; goes with --identification.
        identification: Model folder of the identification stage alone.
        segmentation: Model folder of the segmentation stage alone; may go with the other two.
        engine: What runs the networks.
        precision: bf16 saves about a quarter of the time where the processor knows it, and is less exact.
        workers: Processes that each predict scans of their own (default: one; with --ray: as many as the
            cluster has room for).
        threads: CPU threads of a worker (default: all cores, divided among the workers; with --ray: one).
        ray: Work on the Ray cluster at this address; auto finds the one this machine belongs to.
        shard: Take the K-th of N parts of the scans, counted from 0: K/N, for independent runs.
        time_limit: Seconds that a scan may take; a worker that finishes none for so long is replaced, and
            the scan given up (default: 3600 with --workers or --ray, else none).
        measurements: Measure vertebrae, discs and curves; about 0.1 s per vertebra.
        overwrite: Predict again what is done, and replace results of other scans and models.
        retry_failed: Try again the scans that failed in an earlier run.
        json_: Print a summary for programs, and nothing else, to the standard output.
    """
    from spondyl.batch import find_scans, make_job
    from spondyl.batch.scans import is_url, share
    from spondyl.cli._predict_report import Report
    from spondyl.export import chosen_formats
    from spondyl.io.atomic import check_writable

    also, folders = chosen_formats(outputs), model_folders(model, detection, identification, segmentation)
    if not is_url(output):
        check_writable(output)
    found, problems = find_scans(inputs, series)
    scans = share(found, shard)
    report = Report(len(scans), problems, as_json=json_, none_is_fine=bool(found))
    report.tell_passed_over(scans)
    if scans:
        threads = threads or _threads(workers, ray, len(scans))
        job = make_job(output, folders, engine=engine, precision=precision, threads=threads, also=also,
                       measurements=measurements, overwrite=overwrite, retry_failed=retry_failed)  # fmt: skip
        _work(scans, job, ray, workers, time_limit, report)
    return report.finish(output)


def _threads(workers: int | None, ray: str | None, count: int) -> int:
    """Threads of a worker, so that no core is asked for twice; on a cluster one, which Ray counts."""
    from spondyl.batch.cores import threads_per_worker

    return 1 if ray is not None else threads_per_worker(min(workers or 1, count))


def _work(
    scans: "list[Scan]",
    job: "Job",
    ray: str | None,
    workers: int | None,
    time_limit: int | None,
    report: "Report",
) -> None:
    """Let somebody do the work, and report it."""
    from spondyl.batch import InProcess, ProcessPool, RayCluster, run_batch
    from spondyl.batch.executors.ledger import TIME_LIMIT_S
    from spondyl.cli._progress import scan_bars

    with scan_bars(len(scans)) as bars:
        executor: Executor
        if ray is not None:
            gpus = job.engine in ("auto", "torch")
            limit_s = time_limit or TIME_LIMIT_S
            executor = RayCluster(ray, workers, threads=job.threads or 1, gpus=gpus, limit_s=limit_s)
        elif min(workers or 1, len(scans)) > 1 or time_limit is not None:  # only a process can be ended
            executor = ProcessPool(min(workers or 1, len(scans)), limit_s=time_limit or TIME_LIMIT_S)
        else:
            executor = InProcess(progress=lambda scan: bars.begin(scan.name))
        with _ended_by_sigterm():  # after ray, which wants the signal for itself
            for record in run_batch(scans, job, executor):
                report.add(record, bars)


@contextmanager
def _ended_by_sigterm() -> Iterator[None]:
    """End as politely on SIGTERM (a cluster's time limit, an evicted pod) as on Ctrl-C; exit code 143."""

    def leave(*_: object) -> None:
        raise SystemExit(128 + signal.SIGTERM)

    if threading.current_thread() is not threading.main_thread():  # only there signals can be handled
        yield
        return
    before = signal.signal(signal.SIGTERM, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def model_folders(
    model: Path | None, detection: Path | None, identification: Path | None, segmentation: Path | None = None
) -> tuple[Path, ...]:
    """The model folders that the options name: none, one, or one per stage in the order of the stages.

    Raises:
        InputError: options that do not go together.
    """
    from spondyl.errors import InputError

    if detection is None and identification is None and segmentation is None:
        return () if model is None else (model,)
    if model is not None or detection is None or identification is None:
        raise InputError(
            "give either --model, or both --detection and --identification, perhaps with --segmentation"
        )
    return (detection, identification, *([segmentation] if segmentation else []))
