"""The process that decodes compressed pixels: it may crash, hang or want too much, its reader may not."""

import subprocess
import sys

import numpy as np
import pydicom
import pytest
from series_written import Series, blobs

from spondyl.dicom import decoder, read_series
from spondyl.dicom.decoder import Decoder
from spondyl.errors import ImageError


def header(syntax="4.90", side=16):
    """A data set without pixels."""
    ds = next(Series(hu=blobs((1, side, side))).datasets())
    del ds.PixelData
    ds.file_meta.TransferSyntaxUID = pydicom.uid.UID(f"1.2.840.10008.1.2.{syntax}")
    return ds


def jpeg_ls(values):
    """``(rows, columns)`` as a JPEG-LS stream by another library than the one that decodes it."""
    import jpeg_ls

    return bytes(jpeg_ls.encode_array(values))


@pytest.fixture
def replace(monkeypatch):
    """Have a program of the test run in place of the decoder."""

    def started(program):
        command, pipe = [sys.executable, "-c", program], subprocess.PIPE
        return subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL)

    return lambda program: monkeypatch.setattr(decoder, "_started", lambda: started(program))


def test_one_process_decodes_many_frames():
    values = np.random.default_rng(0).integers(0, 4096, (3, 16, 24), np.uint16)
    ds = header("4.80")
    ds.Rows, ds.Columns = 16, 24
    with Decoder() as one:
        found = [one.frame(ds, jpeg_ls(frame)) for frame in values]
        process = one._process
        with pytest.raises(ValueError, match=r"."):
            one.frame(ds, b"no stream at all")
        np.testing.assert_array_equal(one.frame(ds, jpeg_ls(values[0])), values[0])
        assert one._process is process
    np.testing.assert_array_equal(found, values)
    assert process.returncode == 0


def test_without_compressed_pixels_no_process_is_started(tmp_path, monkeypatch):
    monkeypatch.setattr(decoder, "_started", lambda: pytest.fail("a process"))
    rle = Series(edit=lambda ds, _: ds.compress(pydicom.uid.RLELossless, generate_instance_uid=False))
    for series, name in ((Series(), "plain"), (rle, "rle")):
        assert len(read_series(series.write(tmp_path / name)).slices) == 9


def test_after_a_crash_sound_frames_are_decoded_again(replace, monkeypatch):
    values = np.random.default_rng(0).integers(0, 4096, (16, 16), np.uint16)
    with Decoder() as one:
        replace("import os; os.abort()")
        with pytest.raises(ValueError, match="crashed, exit code -6"):
            one.frame(header("4.80"), jpeg_ls(values))
        monkeypatch.undo()
        np.testing.assert_array_equal(one.frame(header("4.80"), jpeg_ls(values)), values)


@pytest.mark.parametrize(
    ("program", "reason"),
    [
        ("import os; os.abort()", "the decoder crashed, exit code -6"),
        ("import sys; sys.stdin.readline(); print('{')", "the decoder crashed, exit code 0"),
        ('import sys; sys.stdin.readline(); print(\'{"bytes": 9, "dtype": "u1"}\')', "crashed"),
        ("import signal; signal.raise_signal(signal.SIGPROF)", "took too long"),
    ],
)
def test_its_end_is_an_error_of_the_series(program, reason, tmp_path, replace):
    values = np.random.default_rng(0).integers(0, 4096, (4, 16, 16), np.uint16)

    def edit(ds, index):
        ds.PixelData = pydicom.encaps.encapsulate([jpeg_ls(values[index])])
        ds["PixelData"].is_undefined_length = True
        ds.file_meta.TransferSyntaxUID = pydicom.uid.JPEGLSLossless

    folder = Series(hu=blobs((4, 16, 16)), edit=edit).write(tmp_path)
    np.testing.assert_array_equal(read_series(folder).volume.data.T + 1024, values)
    replace(program)
    with pytest.raises(ImageError, match=rf"IM0000: JPEG-LS .*cannot be decoded .*{reason}"):
        read_series(folder)


LIMITS = """
from spondyl.dicom import decoder
decoder._SECONDS = 0.2
def decoded(about, frame):
    {action}
decoder._decoded = decoded
decoder.main()
"""


@pytest.mark.parametrize(
    ("action", "reason"),
    [("while True: pass", "took too long"), ("import numpy; return numpy.ones(1 << 31, 'u1')", "allocate")],
)
def test_time_and_memory_of_a_frame_are_limited(action, reason, replace):
    replace(LIMITS.format(action=action))
    with Decoder() as one, pytest.raises(ValueError, match=reason):
        one.frame(header(), b"x")


def test_no_module_comes_from_the_current_folder(tmp_path, monkeypatch):
    """A user's folder may hold a file with the name of a module, or of one that somebody wants to be run."""
    for name in ("spondyl", "numpy", "json", "pydicom"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit(3)")
    monkeypatch.chdir(tmp_path)
    values = np.random.default_rng(0).integers(0, 4096, (16, 16), np.uint16)
    with Decoder() as one:
        np.testing.assert_array_equal(one.frame(header("4.80"), jpeg_ls(values)), values)


def test_what_a_library_prints_is_no_answer(replace):
    """GDCM writes to the standard output, too."""
    replace(LIMITS.format(action="import os; os.write(1, b'noise'); import numpy; return numpy.eye(2)"))
    with Decoder() as one:
        np.testing.assert_array_equal(one.frame(header(), b"x"), np.eye(2))
