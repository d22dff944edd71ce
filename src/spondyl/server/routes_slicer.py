"""What 3D Slicer's module *MONAI Label* asks a server for, answered from the cases of this one.

The module is given the server's address. It sends the scan that is open in Slicer (``/session/``), asks for
its vertebrae (``/infer/``), and shows what comes back as segments. A session is a case like any other: the
page shows it, and once it is corrected there, asking again gives the corrected vertebrae.

Of the original's routes only those for segmentation are here; training and annotation live in the page.
"""

import asyncio
import json
import tempfile
import uuid
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import numpy as np
from fastapi import APIRouter, Form, Query, Request, Response
from pydantic import BaseModel, Field

import spondyl
from spondyl.anatomy import NAMES, ORDER
from spondyl.io import read_mask, write_image
from spondyl.io.masks import label_counts
from spondyl.result import Result
from spondyl.server.context import Context, Here
from spondyl.server.errors import ApiError, answers
from spondyl.server.routes_cases import UPLOAD_BODY, accept_upload
from spondyl.server.security import same_secret
from spondyl.server.store import Case
from spondyl.volume import Volume

__all__ = ["MODEL", "router"]

router = APIRouter(tags=["3D Slicer"])

MODEL: Final = "vertebrae"
"""The one model that Slicer can choose."""

_LOOK_S: Final = 0.2
"""How often a waiting request looks whether its case is finished."""

CaseOfSession = Annotated[str, Query(pattern="^[0-9a-f]{32}$", description="A case.")]


class Session(BaseModel):
    """A scan that was sent."""

    session_id: str = Field(description="The id of its case.")


class Granted(BaseModel):
    """What later requests carry as ``Authorization``."""

    access_token: str
    token_type: Literal["bearer"] = "bearer"  # noqa: S105 - the name of a scheme


@router.get("/auth/")
async def get_whether_guarded(here: Here) -> dict[str, bool]:
    """Whether a token is needed."""
    return {"enabled": here.settings.token is not None}


@router.post("/auth/token", responses=answers(401, 403, 413, 422))
async def trade_password(password: Annotated[str, Form(max_length=1000)], here: Here) -> Granted:
    """The token of the server, entered as password; any user name will do."""
    token = here.settings.token
    if token is not None and not same_secret(password, token):
        raise ApiError(401, "the password is not the token this server was started with")
    return Granted(access_token=password)


@router.get("/auth/token/valid", responses=answers(401))
async def get_whether_granted() -> dict[str, bool]:
    """Whether the token of this request is the right one."""
    return {"valid": True}


@router.get("/info/", responses=answers(401))
async def describe_server(here: Here) -> dict[str, Any]:
    """The model there is. No label is announced: Slicer would make an empty segment of each."""
    counts = here.store.counts()
    model = {
        "type": "segmentation",
        "labels": [NAMES[label] for label in ORDER],
        "dimension": 3,
        "description": "Finds, names and segments every vertebra. Not a medical device.",
        "config": {},
    }
    return {
        "name": "Spondyl",
        "description": "Vertebrae in CT",
        "version": spondyl.__version__,
        "labels": [],
        "models": {MODEL: model},
        "trainers": {},
        "strategies": {},
        "scoring": {},
        "train_stats": {},
        "datastore": {"total": sum(counts.values()), "completed": counts["done"]},
    }


@router.put("/session/", responses=answers(400, 401, 403, 413, 415, 422, 507), openapi_extra=UPLOAD_BODY)
async def open_session(request: Request, here: Here) -> Session:
    """Send a scan; work on it begins at once."""
    return Session(session_id=(await accept_upload(request, here)).id)


@router.get("/session/{session_id}", responses=answers(401, 404, 422))
async def get_session(session_id: str, here: Here) -> Session:
    """Whether a scan is still there."""
    return Session(session_id=here.case(session_id).id)


@router.post(
    "/infer/{model}",
    response_class=Response,
    responses={
        200: {"content": {"multipart/form-data": {"schema": {"type": "string", "format": "binary"}}}},
        **answers(400, 401, 403, 404, 409, 413, 415, 422, 507),
    },
)
async def infer(
    model: str, request: Request, here: Here, session_id: CaseOfSession | None = None, image: str = ""
) -> Response:
    """The vertebrae of a session, or of the scan in the field ``file``, once they are found.

    Two parts: ``params``, JSON with ``label_names`` (name to number, head to foot) and the centroids,
    and a label map (``.nii.gz``) with these numbers, 1 to N.
    """
    if model != MODEL:
        raise ApiError(404, f"there is no model {model!r}; there is {MODEL!r}")
    if session_id is None and not request.headers.get("content-type", "").startswith("multipart/"):
        raise ApiError(415, f"expected a session_id, or a scan in the field 'file'; {image!r} is not here")
    case = session_id or (await accept_upload(request, here, field="file")).id
    found = await _finished(case, here)
    return await here.aside(_answer, found, here)


async def _finished(case: str, here: Context) -> Case:
    """The case once it is done.

    Raises:
        ApiError: it failed (422), was cancelled (409) or deleted (404).
    """
    while (found := here.case(case)).state in {"queued", "running"}:
        await asyncio.sleep(_LOOK_S)
    if found.state == "failed":
        raise ApiError(422, f"{found.name} could not be worked on: {found.error}")
    here.done(case)
    return found


def _answer(case: Case, here: Context) -> Response:
    files = here.done(case.id)
    with here.alone(case.id, heavy=True):
        result = Result.read(files.result / "result.json")
        mask = read_mask(files.result / result.files["mask"], result.grid) if "mask" in result.files else None
    if mask is None:
        raise ApiError(409, "this model gives no label map")
    numbered, names = _numbered(mask)
    with tempfile.TemporaryDirectory(dir=here.data.root / "incoming") as folder:
        path = Path(folder) / "labels.nii.gz"
        write_image(numbered, path)
        content = path.read_bytes()
    params = {
        "label_names": names,
        "centroids_mm": {found.name: found.centroid_mm for found in result.vertebrae},
        "numbering_probability": result.numbering_probability,
        "flags": [flag.message for flag in result.flags],
    }
    boundary = uuid.uuid4().hex
    parts = (
        ('name="params"', "application/json", json.dumps(params).encode()),
        ('name="image"; filename="vertebrae.nii.gz"', "application/gzip", content),
    )
    body = b"".join(
        f"--{boundary}\r\nContent-Disposition: form-data; {name}\r\nContent-Type: {kind}\r\n\r\n".encode()
        + content
        + b"\r\n"
        for name, kind, content in parts
    )
    return Response(
        body + f"--{boundary}--\r\n".encode(), media_type=f"multipart/form-data; boundary={boundary}"
    )


def _numbered(mask: Volume) -> tuple[Volume, dict[str, int]]:
    """The mask with numbers 1 to N, head to foot: Slicer takes the n-th name for the number n."""
    counts = label_counts(mask.data)
    present = [label for label in ORDER if counts[label]]
    table = np.zeros(256, np.uint8)
    table[present] = np.arange(1, len(present) + 1)
    return Volume(table[mask.data], mask.grid), {NAMES[label]: int(table[label]) for label in present}
