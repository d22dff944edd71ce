"""A tiny exact model, toy scans, and runs over them in this process."""

import pytest

from readers import toy_scan, write_reader_model
from spondyl.batch import InProcess, Scan, make_job, run_batch
from spondyl.inference import load_pipeline
from spondyl.io import write_image
from spondyl.volume import Volume


@pytest.fixture(scope="session")
def reader_model(tmp_path_factory):
    """Folder of a two-stage model that reads the label off the image."""
    return write_reader_model(tmp_path_factory.mktemp("reader"))


@pytest.fixture(scope="session")
def pipeline(reader_model):
    return load_pipeline(reader_model, threads=1)


@pytest.fixture
def scan_file(tmp_path):
    path = tmp_path / "in" / "scan.nii.gz"
    write_image(toy_scan(hounsfield=True).reoriented("LPS"), path)
    return path


@pytest.fixture
def many_scans(tmp_path):
    """Make scans that differ in one voxel."""

    def make(count):
        volume = toy_scan(hounsfield=True)
        scans = []
        for number in range(count):
            data = volume.data.copy()
            data[0, 0, 0] = -1000 - number
            path = tmp_path / "in" / f"scan{number:02}.nii"
            write_image(Volume(data, volume.grid), path)
            scans.append(Scan(f"scan{number:02}", path))
        return scans

    return make


@pytest.fixture
def job(reader_model, tmp_path):
    """Make a job of the toy model into ``out``."""

    def make(**options):
        return make_job(tmp_path / "out", (reader_model,), threads=1, **options)

    return make


@pytest.fixture
def run(job, pipeline):
    """All records of a run in this process."""

    def records(scans, pipeline=pipeline, **options):
        return list(run_batch(scans, job(**options), InProcess(pipeline)))

    return records
