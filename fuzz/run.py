"""Feed a reader with damaged files, guided by coverage, until something else than a SpondylError comes out.

    python fuzz/run.py nifti [--seconds 300] [--corpus DIR]
    python fuzz/run.py nifti --crash FILE        read one file again, with the traceback

Needs atheris (a package of the group ``fuzz``) on Linux. What was found goes into
``fuzz/regressions/READER/``, as small as possible, where the tests read it ever after.
"""

import argparse
import logging
import shutil
import sys
import tempfile
import warnings
from pathlib import Path

import atheris

# Instrumenting takes a while, so only what the reader at hand runs through.
DICOM = {"dicom", "compressed", "deflated", "dicomdir", "enhanced"}
PACKAGES = ["pydicom"] if DICOM & {*sys.argv} else ["nibabel.nifti1", "nibabel.nifti2", "zipfile"]

with atheris.instrument_imports(include=["spondyl", *PACKAGES]):
    from every_reader import READERS
    from spondyl.errors import SpondylError

MEMORY_MB = 1024
"""No file of a few kilobytes may take more."""

SECONDS_PER_FILE = 10


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("reader", choices=READERS)
    parser.add_argument("--seconds", type=int, default=300)
    parser.add_argument("--corpus", type=Path, help="keep what covers new code here; seeds are added")
    parser.add_argument("--crash", type=Path)
    options = parser.parse_args()
    reader = READERS[options.reader]
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("error", RuntimeWarning)  # numbers that overflow
    folder = Path(
        tempfile.mkdtemp(dir="/dev/shm" if Path("/dev/shm").is_dir() else None)
    )  # libFuzzer exits hard

    def target(content: bytes) -> None:
        try:
            reader.run(content, folder)
        except SpondylError:
            pass
        except BaseException:
            Path(f"{options.reader}.crash").write_bytes(content)
            raise

    if options.crash:
        target(options.crash.read_bytes())
        return
    corpus = options.corpus or folder / "corpus"
    corpus.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(reader.seeds()):
        (corpus / f"seed{number}").write_bytes(seed)
    known = Path(__file__).parent / "regressions" / options.reader
    arguments = [
        sys.argv[0],
        str(corpus),
        *([str(known)] if known.is_dir() else []),
        f"-max_total_time={options.seconds}",
        f"-rss_limit_mb={MEMORY_MB}",
        f"-timeout={SECONDS_PER_FILE}",
        f"-artifact_prefix={options.reader}-",
        "-max_len=16384",
        "-print_final_stats=1",
    ]
    atheris.Setup(arguments, target)
    try:
        atheris.Fuzz()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
