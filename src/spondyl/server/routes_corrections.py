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
from spondyl.server.display import write_display_mask
from spondyl.server.errors import answers
from spondyl.server.schemas import Add, Correcting, Delete, Move, Relabel, Shift

__all__ = ["router"]

router = APIRouter(prefix="/api/cases/{case}", tags=["corrections"], responses=answers(404, 409, 422, 507))

Change = Callable[[Path], Result]
"""From the folder of a result to what it holds after a correction."""


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
            return lambda folder: corrections.relabel(
                folder, {correcting.vertebra: correcting.name}, only=correcting.only
            )
        case Shift():
            return lambda folder: corrections.shift(folder, correcting.by)
        case Move():
            return lambda folder: corrections.move(folder, correcting.vertebra, correcting.centroid_mm)
        case Delete():
            return lambda folder: corrections.delete(folder, correcting.vertebra)
        case Add():
            return lambda folder: corrections.add(folder, correcting.name, correcting.centroid_mm)
        case _:
            assert_never(correcting)


def _correct(case: str, here: Context, change: Change) -> Result:
    with here.alone(case):
        files = here.done(case)
        return _record(case, here, change(files.result), undone=[])


def _undo(case: str, here: Context) -> Result:
    with here.alone(case):
        files, undone = here.done(case), here.case(case).undone
        before = Result.read(files.result / "result.json")
        after = corrections.undo(files.result)
        return _record(case, here, after, undone=[*undone, before.history[-1].model_dump(mode="json")])


def _redo(case: str, here: Context) -> Result:
    with here.alone(case):
        files, undone = here.done(case), here.case(case).undone
        if not undone:
            raise InputError("nothing to redo: no correction was taken back")
        after = corrections.redo(files.result, Correction.model_validate(undone[-1]))
        return _record(case, here, after, undone=undone[:-1])


def _record(case: str, here: Context, result: Result, *, undone: Sequence[dict[str, Any]]) -> Result:
    """Let the mask on the display's grid and what lists show follow."""
    write_display_mask(here.data.case(case), result, here.settings.max_display_voxels)
    here.store.move(
        case, ["done"], "done", **summary(result), undone=undone, finished=here.case(case).finished
    )
    return result
