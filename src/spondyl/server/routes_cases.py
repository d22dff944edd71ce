"""Cases: sent, listed, cancelled, tried again, deleted."""

import json
import shutil
import uuid

from fastapi import APIRouter, Request, Response
from fastapi.responses import StreamingResponse

from spondyl.server.context import CaseId, Context, Here
from spondyl.server.errors import ApiError, answers
from spondyl.server.schemas import CaseInfo
from spondyl.server.store import Case, Order, State
from spondyl.server.uploads import receive_files, shown_name

__all__ = ["UPLOAD_BODY", "accept_upload", "router"]

router = APIRouter(prefix="/api", tags=["cases"])

UPLOAD_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["files"],
                    "properties": {
                        "files": {
                            "type": "array",
                            "minItems": 1,
                            "items": {"type": "string", "format": "binary"},
                            "description": "One NIfTI, MetaImage or NRRD file, the files of one DICOM series,"
                            " or a zip of these.",
                        }
                    },
                }
            }
        },
    }
}


async def accept_upload(request: Request, here: Context, *, field: str = "files") -> Case:
    """Receive one scan and put it into the queue.

    Raises:
        ApiError: see :func:`spondyl.server.uploads.receive_files`; nothing is kept.
        OSError: the same.
    """
    case = uuid.uuid4().hex
    settings = here.settings
    incoming = here.data.incoming(case)
    try:
        names = await receive_files(
            request,
            incoming,
            most_bytes=settings.max_upload_mb << 20,
            most_files=settings.max_files,
            field=field,
        )
        here.data.accept(case)
        added = here.store.add(case, shown_name(names))
    except BaseException:
        shutil.rmtree(incoming, ignore_errors=True)
        here.data.remove(case)
        raise
    here.dispatcher.wake()
    return added


@router.post("/cases", status_code=202, responses=answers(400, 413, 415, 422, 507), openapi_extra=UPLOAD_BODY)
async def send_case(request: Request, here: Here) -> CaseInfo:
    """Send one scan; it is queued and worked on as soon as those before it are done."""
    return here.describe(await accept_upload(request, here))


@router.get("/cases", responses=answers(422))
async def list_cases(here: Here, state: State | None = None, order: Order = "newest") -> list[CaseInfo]:
    """All cases. The order ``uncertain`` begins with what a person should look at first."""
    positions = here.store.positions()
    return [CaseInfo.of(case, positions.get(case.id)) for case in here.store.find(state, order)]


@router.get("/cases/{case}", responses=answers(404, 422))
async def get_case(case: CaseId, here: Here) -> CaseInfo:
    """One case."""
    return here.describe(here.case(case))


@router.post("/cases/{case}/cancel", responses=answers(404, 409, 422))
async def cancel_case(case: CaseId, here: Here) -> CaseInfo:
    """Stop a case that is queued or running."""
    found = here.case(case)
    if not await here.aside(here.dispatcher.cancel, case):
        raise ApiError(409, f"only a queued or running case can be cancelled; this one is {found.state}")
    return here.describe(here.case(case))


@router.post("/cases/{case}/retry", responses=answers(404, 409, 422))
async def retry_case(case: CaseId, here: Here) -> CaseInfo:
    """Queue a failed or cancelled case again."""
    found = here.case(case)
    if not here.store.requeue(case):
        raise ApiError(409, f"only a failed or cancelled case can be tried again; this one is {found.state}")
    here.dispatcher.wake()
    return here.describe(here.case(case))


@router.delete("/cases/{case}", status_code=204, responses=answers(404, 422))
async def delete_case(case: CaseId, here: Here) -> Response:
    """Delete a case with its scan and all its files; a running one is stopped first."""
    here.case(case)
    await here.aside(_delete, case, here)
    return Response(status_code=204)


@router.get(
    "/events",
    response_class=StreamingResponse,
    responses={200: {"content": {"text/event-stream": {"schema": {"type": "string"}}}}},
)
async def follow_cases(here: Here) -> StreamingResponse:
    """Changes as server-sent events: ``case`` with a case, ``deleted`` with ``{"id"}``."""

    def describe(case: str) -> str:
        try:
            return f"event: case\ndata: {here.describe(here.store.get(case)).model_dump_json()}\n\n"
        except KeyError:
            return f"event: deleted\ndata: {json.dumps({'id': case})}\n\n"

    headers = {"X-Accel-Buffering": "no"}
    return StreamingResponse(here.events.listen(describe), media_type="text/event-stream", headers=headers)


def _delete(case: str, here: Context) -> None:
    here.dispatcher.cancel(case)
    with here.alone(case):
        here.data.remove(case)  # first: on a full disk, that makes room for the list
        here.store.delete(case)
