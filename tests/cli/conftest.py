"""The tiny exact model of tests/readers.py, written once."""

import pytest

from readers import write_reader_model


@pytest.fixture(scope="session")
def reader_model(tmp_path_factory):
    """Folder of a two-stage model that reads the label off the image."""
    return write_reader_model(tmp_path_factory.mktemp("reader"))
