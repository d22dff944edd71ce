"""Independent judges of DICOM files: dciodvfy (dicom3tools) and dcmtk; tests are skipped without them."""

import shutil
import subprocess

import pytest


def _run(tool, package, *words):
    if shutil.which(tool) is None:
        pytest.skip(f"{tool} is not installed (Debian package {package})")
    return subprocess.run(
        [tool, *map(str, words)], capture_output=True, text=True, errors="replace", check=False
    )


def dciodvfy(path):
    """What it says about the object: errors, warnings."""
    done = _run("dciodvfy", "dicom3tools", "-new", path)
    lines = [line for line in done.stderr.splitlines() + done.stdout.splitlines() if line.strip()]
    return [x for x in lines if x.startswith(("Error", "Abort"))], [
        x for x in lines if x.startswith("Warning")
    ]


def dcmdump(path):
    """The file as text; refuses what dcmtk has a word against."""
    done = _run("dcmdump", "dcmtk", path)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def dsrdump(path):
    """A structured report as text; refuses what dcmtk has a word against."""
    done = _run("dsrdump", "dcmtk", "-Ec", path)
    said = [line for line in done.stderr.splitlines() if "checker does not support this Specific" not in line]
    assert (done.returncode, said) == (0, [])
    return done.stdout
