"""``spondyl predict``: find, name and segment the vertebrae of scans."""

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter, validators

__all__ = ["model_folders", "predict"]


def predict(  # noqa: PLR0913 - options of a command
    *inputs: Path,
    output: Annotated[Path, Parameter(name=["-o", "--output"])],
    outputs: str = "",
    series: str | None = None,
    model: Path | None = None,
    detection: Path | None = None,
    identification: Path | None = None,
    engine: Literal["auto", "openvino", "onnxruntime", "torch"] = "auto",
    precision: Literal["f32", "bf16"] = "f32",
    threads: Annotated[int | None, Parameter(validator=validators.Number(gte=1))] = None,
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
        inputs: Scans, and folders of scans; DICOM series as folders, zip archives or DICOMDIR.
        output: Folder for the results.
        outputs: Further files per scan, with commas between: nrrd, totalsegmentator, mrk, csv, lml, stl,
            ply, gltf.
        series: Of DICOM studies, the series with this UID, number or description (default: the best).
        model: Model folder (default: the one that comes with Spondyl).
        detection: Model folder of the detection stage alone; goes with --identification.
        identification: Model folder of the identification stage alone.
        engine: What runs the networks.
        precision: bf16 is about twice as fast where the processor knows it, and less exact.
        threads: CPU threads (default: all).
        measurements: Measure vertebrae, discs and curves; about 0.1 s per vertebra.
        overwrite: Predict again what is done, and replace results of other scans and models.
        retry_failed: Try again the scans that failed in an earlier run.
        json_: Print a summary for programs, and nothing else, to the standard output.
    """
    from spondyl.batch import MANIFEST, InProcess, find_scans, make_job, run_batch
    from spondyl.cli._predict_report import Report
    from spondyl.cli._progress import scan_bars
    from spondyl.export import chosen_formats
    from spondyl.io.atomic import check_writable

    check_writable(output)
    also = tuple(chosen_formats(outputs))
    folders = model_folders(model, detection, identification)
    scans, problems = find_scans(inputs, series)
    report = Report(len(scans), problems, as_json=json_)
    report.tell_passed_over(scans)
    if scans:
        job = make_job(output, folders, engine=engine, precision=precision, threads=threads, also=also,
                       measurements=measurements, overwrite=overwrite, retry_failed=retry_failed)  # fmt: skip
        with scan_bars(len(scans)) as bars:
            executor = InProcess(progress=lambda scan: bars.begin(scan.name))
            for record in run_batch(scans, job, executor):
                report.add(record, bars)
    return report.finish(output / MANIFEST)


def model_folders(
    model: Path | None, detection: Path | None, identification: Path | None
) -> tuple[Path, ...]:
    """The model folders that the options name: none, one, or one per stage.

    Raises:
        InputError: options that do not go together.
    """
    from spondyl.errors import InputError

    if detection is None and identification is None:
        return () if model is None else (model,)
    if model is not None or detection is None or identification is None:
        raise InputError("give either --model, or both --detection and --identification")
    return (detection, identification)
