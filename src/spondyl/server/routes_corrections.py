"""Corrections by hand: every file follows, and every one can be taken back."""

from collections.abc import Callable
from pathlib import Path
from typing import assert_never

from fastapi import APIRouter

from spondyl import relabel as corrections
from spondyl.errors import InputError
from spondyl.result import Result
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
    return await here.heavily(_change, case, here, _change_of(correcting))


@router.post("/undo")
async def undo(case: CaseId, here: Here) -> Result:
    """Take the last correction back."""
    return await here.heavily(_change, case, here, corrections.undo)


def _change_of(correcting: Correcting) -> Change:
    match correcting:
        case Relabel():
            return lambda folder: corrections.relabel(
                folder, {correcting.vertebra: correcting.name}, only=correcting.only
            )
        case Shift():
            return lambda folder: corrections.shift(folder, correcting.by)
        case Move() | Delete() | Add():
            raise InputError(f"{correcting.kind} is not there yet")
        case _:
            assert_never(correcting)


def _change(case: str, here: Context, change: Change) -> Result:
    """Correct the files, the mask on the display's grid, and what lists show."""
    files = here.done(case)
    with here.alone(case):
        result = change(files.result)
        write_display_mask(files, result, here.settings.max_display_voxels)
        here.store.move(case, ["done"], "done", finished=here.case(case).finished, **summary(result))
    return result
