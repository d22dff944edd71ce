"""Results: what was found, as a page and a program want it."""

import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response
from fastapi.responses import FileResponse, StreamingResponse

from spondyl.errors import InputError
from spondyl.export import FORMATS, chosen_formats
from spondyl.export.convert import export_result
from spondyl.result import Result
from spondyl.server.context import CaseId, Context, Here, stream_file
from spondyl.server.display import factors_of
from spondyl.server.errors import ApiError, answers
from spondyl.server.layout import CaseFiles
from spondyl.server.recording import caught_up
from spondyl.server.schemas import ExportFormat, tag_of
from spondyl.server.strips import Plane, Strip, place_vertebrae
from spondyl.server.zips import send_once, writing_zip

__all__ = ["file_answer", "router"]

router = APIRouter(prefix="/api/cases/{case}", tags=["results"])

_TYPES = {".json": "application/json", ".png": "image/png", ".gz": "application/gzip", ".csv": "text/csv"}


def file_answer(media_type: str) -> dict[int | str, dict[str, Any]]:
    """The ``responses`` of a route that answers with a file."""
    return {200: {"content": {media_type: {"schema": {"type": "string", "format": "binary"}}}}}


@router.get("/result", responses=answers(404, 409, 422))
async def get_result(case: CaseId, here: Here, answer: Response) -> Result:
    """What was found: the content of ``result.json``. Its ETag goes into ``If-Match`` of corrections."""
    result, revision = await here.aside(_result, case, here)
    answer.headers["ETag"] = tag_of(revision)
    return result


@router.get(
    "/image",
    response_class=StreamingResponse,
    responses={**file_answer("application/gzip"), **answers(404, 409, 422)},
)
async def get_image(case: CaseId, here: Here) -> StreamingResponse:
    """The scan to look at: NIfTI, int16, HU; a very large one with fewer voxels."""
    return stream_file(here.done(case).image, "application/gzip", "image.nii.gz")


@router.get(
    "/mask",
    response_class=StreamingResponse,
    responses={**file_answer("application/gzip"), **answers(404, 409, 422)},
)
async def get_mask(case: CaseId, here: Here) -> StreamingResponse:
    """The vertebrae on the voxels of the image: NIfTI, uint8, VerSe numbers."""
    return stream_file(here.done(case).mask, "application/gzip", "mask.nii.gz")


@router.get(
    "/strip/{plane}.png",
    response_class=StreamingResponse,
    responses={**file_answer("image/png"), **answers(404, 409, 422)},
)
async def get_strip(case: CaseId, plane: Plane, here: Here) -> StreamingResponse:
    """The scan along the spine, flattened into a grey picture; head up."""
    return stream_file(here.done(case).strip(plane, ".png"), "image/png")


@router.get("/strip/{plane}.json", responses=answers(404, 409, 422))
async def get_strip_place(case: CaseId, plane: Plane, here: Here) -> Strip:
    """Where the picture lies in the patient, and where every vertebra is in it."""
    result, _ = await here.aside(_result, case, here)
    return place_vertebrae(here.done(case).strip(plane, ".json"), result)


@router.get("/files/{name}", response_class=StreamingResponse, responses=answers(404, 409, 422))
async def get_file(case: CaseId, name: str, here: Here) -> StreamingResponse:
    """A file of the result by its name, such as ``mask.nii.gz``."""
    return await here.aside(_file, case, name, here)


@router.get("/formats", responses=answers(404, 409, 422))
async def list_formats(case: CaseId, here: Here) -> list[ExportFormat]:
    """The kinds of files this result can be had as; DICOM objects need a scan that was sent as DICOM."""
    return await here.aside(_formats, case, here)


@router.get(
    "/export",
    response_class=FileResponse,
    responses={**file_answer("application/zip"), **answers(404, 409, 422, 501)},
)
async def export_case(
    case: CaseId,
    here: Here,
    formats: Annotated[
        str, Query(max_length=200, description="Words with commas between, see /formats.")
    ] = "",
) -> FileResponse:
    """The result in further formats, as one zip with ``result.json``."""
    kinds = chosen_formats(formats)
    if not kinds:
        raise InputError(f"formats= names none; there are {', '.join(FORMATS)}")
    here.done(case)
    name = f"{_safe(here.case(case).name)}.zip"  # it may be deleted meanwhile
    return send_once(await here.aside(_export, case, kinds, here), name)


def _result(case: str, here: Context) -> tuple[Result, int]:
    with here.alone(case):
        return caught_up(case, here)


def _file(case: str, name: str, here: Context) -> StreamingResponse:
    files = here.done(case)
    with here.alone(case):
        there = {path.name: path for path in files.result.iterdir() if path.is_file()}
        if name not in there:
            raise ApiError(404, f"this result has no file {name!r}; there are {', '.join(sorted(there))}")
        return stream_file(there[name], _TYPES.get(there[name].suffix, "application/octet-stream"), name)


def _formats(case: str, here: Context) -> list[ExportFormat]:
    files = here.done(case)
    dicom = find_spec("pydicom") is not None and _is_dicom(files)
    return [
        ExportFormat(name=word, file=kind.name, about=kind.about)
        for word, kind in FORMATS.items()
        if (dicom or not kind.needs_series) and (kind.needs is None or find_spec(kind.needs))
    ]


def _is_dicom(files: CaseFiles) -> bool:
    from spondyl.dicom import is_dicom

    return is_dicom(files.sent)


def _export(case: str, kinds: tuple[str, ...], here: Context) -> Path:
    """Write the formats into a zip below the data folder, which is on the disk that is meant to be filled."""
    files = here.done(case)
    with tempfile.TemporaryDirectory(dir=here.data.root / "incoming") as folder:
        with here.alone(case, heavy=True):
            result = Result.read(files.result / "result.json")
            whole = factors_of(result.grid, here.settings.max_display_voxels) == (1, 1, 1)
            image = files.image if whole else None
            export_result(files.result, kinds, folder, image=image, series=files.sent, name=result.scan.file)
            result.write(Path(folder) / "result.json")
        with writing_zip(here.data, packed=True) as (bundle, path):
            for written in sorted(Path(folder).rglob("*")):
                bundle.write(written, written.relative_to(folder))
    return path


def _safe(name: str) -> str:
    """A name that every file system takes."""
    return "".join(c if c.isalnum() or c in "-_." else "_" for c in name) or "scan"
