"""Corrections by hand: every file follows, and every one can be taken back."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, assert_never

from fastapi import APIRouter, Header, Response

from spondyl import relabel as corrections
from spondyl.errors import InputError
from spondyl.result import Result
from spondyl.result_history import Correction
from spondyl.server.context import CaseId, Context, Here
from spondyl.server.display import factors_of
from spondyl.server.errors import ApiError, answers
from spondyl.server.layout import CaseFiles
from spondyl.server.recording import caught_up, record
from spondyl.server.schemas import Add, Correcting, Delete, Move, Relabel, Renumber, Shift, tag_of

__all__ = ["router"]

router = APIRouter(
    prefix="/api/cases/{case}", tags=["corrections"], responses=answers(404, 409, 412, 422, 507)
)

Change = Callable[[Path, Path | None], Result]
"""From the folder of a result, and its scan, to what it holds after a correction."""

Revised = tuple[Result, int]
"""A result and its revision."""

Seen = Annotated[
    str | None,
    Header(
        alias="If-Match",
        max_length=40,
        description="ETag of the result that is corrected; another one meanwhile is not touched (412).",
    ),
]


@router.post("/corrections")
async def correct(
    case: CaseId, correcting: Correcting, here: Here, answer: Response, seen: Seen = None
) -> Result:
    """Correct a result; gives it as it is now. What was taken back before can no longer be made again."""
    return _tagged(answer, await here.aside(_correct, case, here, seen, _change_of(correcting)))


@router.post("/undo")
async def undo(case: CaseId, here: Here, answer: Response, seen: Seen = None) -> Result:
    """Take the last correction back."""
    return _tagged(answer, await here.aside(_undo, case, here, seen))


@router.post("/redo")
async def redo(case: CaseId, here: Here, answer: Response, seen: Seen = None) -> Result:
    """Make the correction again that was taken back last."""
    return _tagged(answer, await here.aside(_redo, case, here, seen))


def _change_of(correcting: Correcting) -> Change:
    match correcting:
        case Relabel():
            return lambda folder, scan: corrections.relabel(
                folder, {correcting.vertebra: correcting.name}, only=correcting.only, image=scan
            )
        case Renumber():
            return lambda folder, scan: corrections.renumber(folder, correcting.names, image=scan)
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


def _correct(case: str, here: Context, seen: str | None, change: Change) -> Revised:
    with here.alone(case, heavy=True):
        files, before = _before(case, here, seen)
        after = change(files.result, _scan(files, before, here))
        return after, record(case, here, after, undone=[])


def _undo(case: str, here: Context, seen: str | None) -> Revised:
    with here.alone(case, heavy=True):
        files, before = _before(case, here, seen)
        after = corrections.undo(files.result, image=_scan(files, before, here))
        undone = [*here.case(case).undone, before.history[-1].model_dump(mode="json")]
        return after, record(case, here, after, undone=undone)


def _redo(case: str, here: Context, seen: str | None) -> Revised:
    with here.alone(case, heavy=True):
        files, before = _before(case, here, seen)
        undone = here.case(case).undone
        if not undone:
            raise InputError("nothing to redo: no correction was taken back")
        again = Correction.model_validate(undone[-1])
        after = corrections.redo(files.result, again, image=_scan(files, before, here))
        return after, record(case, here, after, undone=undone[:-1])


def _before(case: str, here: Context, seen: str | None) -> tuple[CaseFiles, Result]:
    """Refuses a correction of a result that is no longer the one its sender saw."""
    result, revision = caught_up(case, here)
    if seen is not None and seen.removeprefix("W/") not in {"*", tag_of(revision)}:  # proxies weaken tags
        raise ApiError(
            412, "this scan was corrected elsewhere meanwhile, so nothing was changed; look at it again"
        )
    return here.data.case(case), result


def _scan(files: CaseFiles, result: Result, here: Context) -> Path | None:
    """The scan to measure again on: the display's copy, unless that is a reduced one."""
    whole = factors_of(result.grid, here.settings.max_display_voxels) == (1, 1, 1)
    return files.image if whole and result.measurements is not None else None


def _tagged(answer: Response, revised: Revised) -> Result:
    result, revision = revised
    answer.headers["ETag"] = tag_of(revision)
    return result
