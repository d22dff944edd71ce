"""Fixtures every test may use."""

import os
from pathlib import Path

import pytest

_DEFAULT_DATA = Path(__file__).parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of real scans that are not part of the project; the test is skipped without it.

    Set ``SPONDYL_TEST_DATA`` to a folder with ``spine-ct/``, ``masks/``, ``dicom/``,
    ``centroids/`` and ``lml_samples/`` to run these tests elsewhere.
    """
    folder = Path(os.environ.get("SPONDYL_TEST_DATA", _DEFAULT_DATA))
    if not (folder / "spine-ct").is_dir():
        pytest.skip("real scans absent: set SPONDYL_TEST_DATA to their folder")
    return folder
