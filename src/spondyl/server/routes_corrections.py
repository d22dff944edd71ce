"""Corrections by hand: every file follows, and every one can be taken back."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, assert_never

from fastapi import APIRouter

from spondyl import relabel as corrections
from spondyl.errors import InputError
from spondyl.result import Result
from spondyl.result_history import Correction
from spondyl.server.context import CaseId, Context, Here
from spondyl.server.dispatcher import summary
from spondyl.server.display import factors_of, write_display_mask
from spondyl.server.errors import answers
from spondyl.server.layout import CaseFiles
from spondyl.server.schemas import Add, Correcting, Delete, Move, Relabel, Shift

__all__ = ["router"]

router = APIRouter(prefix="/api/cases/{case}", tags=["corrections"], responses=answers(404, 409, 422, 507))

Change = Callable[[Path, Path | None], Result]
"""From the folder of a result, and its scan, to what it holds after a correction."""


@router.post("/corrections")
async def correct(case: CaseId, correcting: Correcting, here: Here) -> Result:
    """Correct a result; gives it as it is now. What was taken back before can no longer be made again."""
    return await here.heavily(_correct, case, here, _change_of(correcting))


@router.post("/undo")
async def undo(case: CaseId, here: Here) -> Result:
    """Take the last correction back."""
    return await here.heavily(_undo, case, here)


@router.post("/redo")
async def redo(case: CaseId, here: Here) -> Result:
    """Make the correction again that was taken back last."""
    return await here.heavily(_redo, case, here)


def _change_of(correcting: Correcting) -> Change:
    match correcting:
        case Relabel():
            return lambda folder, scan: corrections.relabel(
                folder, {correcting.vertebra: correcting.name}, only=correcting.only, image=scan
            )
        case Shift():
            return lambda folder, scan: corrections.shift(folder, correcting.by, image=scan)
        case Move():
            return lambda folder, scan: corrections.move(
                folder, correcting.vertebra, correcting.centroid_mm, image=scan
            )
        case Delete():
            return lambda folder, scan: corrections.delete(folder, correcting.vertebra, image=scan)
        case Add():
            return lambda folder, scan: corrections.add(
                folder, correcting.name, correcting.centroid_mm, image=scan
            )
        case _:
            assert_never(correcting)


def _correct(case: str, here: Context, change: Change) -> Result:
    with here.alone(case):
        files, before = _before(case, here)
        return _record(case, here, change(files.result, _scan(files, before, here)), undone=[])


def _undo(case: str, here: Context) -> Result:
    with here.alone(case):
        files, before = _before(case, here)
        after = corrections.undo(files.result, image=_scan(files, before, here))
        undone = [*here.case(case).undone, before.history[-1].model_dump(mode="json")]
        return _record(case, here, after, undone=undone)


def _redo(case: str, here: Context) -> Result:
    with here.alone(case):
        files, before = _before(case, here)
        undone = here.case(case).undone
        if not undone:
            raise InputError("nothing to redo: no correction was taken back")
        again = Correction.model_validate(undone[-1])
        after = corrections.redo(files.result, again, image=_scan(files, before, here))
        return _record(case, here, after, undone=undone[:-1])


def _before(case: str, here: Context) -> tuple[CaseFiles, Result]:
    files = here.done(case)
    return files, Result.read(files.result / "result.json")


def _scan(files: CaseFiles, result: Result, here: Context) -> Path | None:
    """The scan to measure again on: the display's copy, unless that is a reduced one."""
    whole = factors_of(result.grid, here.settings.max_display_voxels) == (1, 1, 1)
    return files.image if whole and result.measurements is not None else None


def _record(case: str, here: Context, result: Result, *, undone: Sequence[dict[str, Any]]) -> Result:
    """Let the mask on the display's grid and what lists show follow."""
    write_display_mask(here.data.case(case), result, here.settings.max_display_voxels)
    here.store.move(
        case, ["done"], "done", **summary(result), undone=undone, finished=here.case(case).finished
    )
    return result
