"""Corrected cases, for training."""

from pathlib import Path

from fastapi import APIRouter
from fastapi.responses import FileResponse

from spondyl.server.context import Context, Here
from spondyl.server.errors import ApiError, answers
from spondyl.server.routes_results import file_answer
from spondyl.server.store import Case
from spondyl.server.training_set import write_case
from spondyl.server.zips import send_once, writing_zip

__all__ = ["router"]

router = APIRouter(prefix="/api", tags=["training"])


@router.get(
    "/training-set",
    response_class=FileResponse,
    responses={**file_answer("application/zip"), **answers(409, 507)},
)
async def get_training_set(here: Here) -> FileResponse:
    """All corrected cases as a data set that ``spondyl train`` reads (VerSe's layout)."""
    corrected = [case for case in here.store.find("done") if case.corrections]
    if not corrected:
        raise ApiError(409, "no case was corrected yet, so there is nothing to train on")
    return send_once(await here.aside(_bundle, corrected, here), "training-set.zip")


def _bundle(cases: list[Case], here: Context) -> Path:
    with writing_zip(here.data, packed=False) as (bundle, path):  # scans and masks are packed already
        for case in cases:
            subject = "".join(c for c in case.name if c.isascii() and c.isalnum())[:40] + case.id[:8]
            with here.alone(case.id, heavy=True):
                files = here.data.case(case.id)
                if files.result.is_dir():  # not deleted meanwhile
                    write_case(bundle, subject, files, here.settings)
    return path
