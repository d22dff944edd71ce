"""The files of a result, read for a correction and written anew: all of them together, or none."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final

from spondyl.errors import AnnotationError
from spondyl.export import FORMATS, Subject, check_formats
from spondyl.io import read_mask, write_mask
from spondyl.io.atomic import atomic_folder
from spondyl.io.temporary import sweep
from spondyl.outputs import RESULT, write_files
from spondyl.replay import model_mask, replayed_mask
from spondyl.result import Result, read_result
from spondyl.result_measurements import Measurements
from spondyl.result_scan import place_of, scan_of
from spondyl.spine import Spine
from spondyl.volume import Volume

__all__ = ["MODEL_MASK", "naming", "read_for_correction", "rewrite"]

MODEL_MASK: Final = "model_mask.nii.gz"
"""The mask as the model gave it; kept beside a result once a deleted vertebra took voxels with it."""


def read_for_correction(folder: Path) -> tuple[Result, Volume | None]:
    """The result and its mask; refuses one that this version could not write again.

    Raises:
        AnnotationError: no result, one of another version or damaged.
    """
    sweep(folder)
    if not (folder / RESULT).is_file():
        raise AnnotationError(f"{folder}: expected the result of one scan ({RESULT}), found none")
    result = Result.read(folder / RESULT)
    unknown = sorted(set(result.files) - set(FORMATS))
    if unknown:
        raise AnnotationError(
            f"{folder}: lists {', '.join(unknown)}, which this version of the program cannot rewrite;"
            " use the version that wrote it"
        )
    check_formats(result.files)
    mask = read_result(folder, mask=True).mask
    lacking = [kind for kind in result.files if FORMATS[kind].needs_mask]
    if mask is None and lacking:
        raise AnnotationError(f"{folder}: lists {', '.join(lacking)}, but no mask to make them from")
    return result, mask


def rewrite(
    folder: Path, before: Result, result: Result, mask: Volume | None, image: Path | str | None
) -> Result:
    """Write all files under their new names beside the old ones, then swap the folders.

    Args:
        folder: Of the result.
        before: As :func:`read_for_correction` gave it.
        result: As it shall be.
        mask: As :func:`read_for_correction` gave it.
        image: The scan, for the preview, if it has moved.

    Returns:
        What ``result.json`` holds now.

    Raises:
        ImageError: ``image`` is not the scan of this result.
        OutputError: the files cannot be written; nothing was changed.
    """
    drawn = any(FORMATS[kind].shows_scan for kind in result.files)
    again = _measured_before(result)
    volume = scan_of(folder, result, image) if drawn or again else None
    mask, kept = _masks_after(folder, mask, before, result)
    spine: Spine = replace(result.to_spine(), mask=mask)
    if volume is not None and again:
        from spondyl.morphometry import measure

        spine = replace(spine, measurements=measure(volume, spine))
        result = result.model_copy(
            update={"measurements": spine.measurements and Measurements.of(spine.measurements)}
        )
    with atomic_folder(folder) as new:
        for other in folder.iterdir():
            if other.name not in {RESULT, MODEL_MASK, *result.files.values()}:  # somebody's notes
                _copy(other, new / other.name)
        if kept is not None:
            write_mask(kept, new / MODEL_MASK)
        files = write_files(
            Subject(
                spine,
                result,
                volume,
                place_of(folder, result, image),
                image is not None,
                folder.absolute().name,
            ),
            new,
            result.files,
        )
        result = result.model_copy(update={"files": files})
        result.write(new / RESULT)
    return result


def _masks_after(
    folder: Path, mask: Volume | None, before: Result, after: Result
) -> tuple[Volume | None, Volume | None]:
    """The mask after a correction, and the model's, where the first no longer tells all of it."""
    if mask is None:
        return None, None
    kept = folder / MODEL_MASK
    model = read_mask(kept, before.grid) if kept.is_file() else model_mask(mask, before.history)
    now = replayed_mask(model, after.history)
    lost = any(entry.removed for entry in after.history) and bool(((now.data == 0) & (model.data != 0)).any())
    return now, model if lost else None


def _measured_before(result: Result) -> bool:
    """Whether there are measurements, taken before names or vertebrae were corrected."""
    if result.measurements is None or result.model_answer is None:
        return False
    now, then = (
        [(v.name, v.centroid_mm) for v in found]
        for found in (result.vertebrae, result.model_answer.vertebrae)
    )
    return now != then


def _copy(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target)
    else:
        shutil.copy2(source, target)


@contextmanager
def naming(folder: Path) -> Iterator[None]:
    """Let errors say which result they are about."""
    try:
        yield
    except AnnotationError as error:
        raise AnnotationError(f"{folder}: {error}; nothing was changed") from error
