"""The studio's requests: photos in, jobs, heads to look at, files out. docs/api.md describes them for users."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import contextmanager
from typing import Any

from fastapi import APIRouter, Request, WebSocket
from fastapi.responses import JSONResponse, Response
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.websockets import WebSocketDisconnect

from face3d_live.codes import ARKIT
from face3d_live.errors import Face3DError, InputError
from face3d_live.export.params import params_from
from face3d_live.live.http.requests import NO_SUCH, PRIVATE, live_of
from face3d_live.live.service import Live
from face3d_live.live.studio.jobs import Job
from face3d_live.reconstruct.advice import REFUSALS, WARNINGS

router = APIRouter()

MAX_PHOTO_BYTES = 20 * 1024 * 1024
#: A photo that takes longer to arrive would keep others out.
UPLOAD_SECONDS = 120.0
#: What the form around a photo may add.
_FORM_BYTES = 64 * 1024
#: What is listened to of a body that is too large: most clients read the answer only when they have sent all.
_PATIENCE = 4 * MAX_PHOTO_BYTES
_TYPES = {"obj": "model/obj", "mtl": "model/mtl", "png": "image/png", "glb": "model/gltf-binary",
          "json": "application/json"}  # fmt: skip


def _job(request: Request, job_id: str) -> Job:
    job = live_of(request).jobs.get(job_id)
    if job is None:
        raise InputError("not-found", f"no job is called {job_id[:40]!r}; results are kept for ten minutes")
    return job


def _state(live: Live, job: Job) -> dict[str, object]:
    return job.to_json() | {"ahead": live.jobs.ahead(job)}


# --- photos in --------------------------------------------------------------------------------------------------------


class _MemoryParser(MultiPartParser):
    """Keeps uploads in memory: a user's photo is not written to disk."""

    spool_max_size = MAX_PHOTO_BYTES + 1


async def _form_bytes(request: Request) -> bytes:
    """The whole body. Raises InputError "wrong-type", "too-large" or "slow-upload"."""
    offered = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if offered != "multipart/form-data":
        raise InputError("wrong-type", f"expected Content-Type: multipart/form-data, got {offered[:80] or 'none'}")
    body, size = bytearray(), 0
    try:
        async with asyncio.timeout(UPLOAD_SECONDS):
            async for chunk in request.stream():
                size += len(chunk)
                if size <= MAX_PHOTO_BYTES + _FORM_BYTES:
                    body += chunk
                elif size > _PATIENCE:
                    break
    except TimeoutError as error:
        raise InputError("slow-upload", f"the photo did not arrive within {UPLOAD_SECONDS:.0f} s: try again") from error
    if size > MAX_PHOTO_BYTES + _FORM_BYTES:
        raise InputError("too-large", f"a photo may have at most {MAX_PHOTO_BYTES >> 20} MB: save it smaller")
    return bytes(body)


async def _photo(request: Request) -> tuple[bytes, dict[str, str]]:
    """The photo and the text fields of a form. The photo is the file field "photo", whatever that file is called and
    called to be; or the text field "photo" names one that `faces` has kept.

    Raises InputError.
    """
    body = await _form_bytes(request)

    async def stream() -> AsyncGenerator[bytes, None]:
        yield body

    try:
        form = await _MemoryParser(request.headers, stream(), max_files=1, max_fields=6, max_part_size=1024).parse()
    except (MultiPartException, ValueError, KeyError) as error:
        raise InputError("bad-form", f"the form cannot be read: {error}") from error
    try:
        photo = form.get("photo")
        if photo is None:
            raise InputError("no-photo", 'the form has no file field called "photo"')
        data = live_of(request).studio.photos.get(photo) if isinstance(photo, str) else await photo.read()
    finally:
        await form.close()
    if not data:
        raise InputError("empty", "the photo has 0 bytes: choose the file again")
    return data, {name: value for name, value in form.items() if isinstance(value, str) and name != "photo"}


@contextmanager
def _counted(live: Live) -> Iterator[None]:
    """Photos that are refused at the door are counted, too."""
    try:
        with live.studio.uploads:
            yield
    except Face3DError as error:
        live.metrics.photo_failures.labels(error.code).inc()
        raise


_YES_NO = ("true", "false")
_CHOICES = {
    "mesh": ("low", "medium", "high"), "texture": ("512", "1024", "2048", "4096"), "sharpen": _YES_NO, "refine": _YES_NO
}  # fmt: skip
_READ: dict[str, Callable[[str], Any]] = {"texture": int, "sharpen": "true".__eq__, "refine": "true".__eq__}


def _options(fields: dict[str, str]) -> dict[str, Any]:
    """What the form says of the head that is wanted. Raises InputError "bad-option"."""
    options: dict[str, Any] = {}
    for name, value in fields.items():
        if name == "face" and value.isdecimal() and len(value) < 4:
            options[name] = int(value)
        elif value in _CHOICES.get(name, ()):
            options[name] = _READ.get(name, str)(value)
        else:
            allowed = "face: 0, 1, ...; " + "; ".join(f"{key}: {', '.join(of)}" for key, of in _CHOICES.items())
            raise InputError("bad-option", f"{name[:40]}={value[:40]!r} is not possible: {allowed}")
    return options


@router.post("/api/faces")
async def faces(request: Request) -> JSONResponse:
    """Where the faces of a photo are (multipart field "photo"), so that one can be chosen.

    With a field "keep" the photo is remembered for a head that is to be made of it, by the name in the answer's
    "photo"; else nothing is.
    """
    live = live_of(request)
    with _counted(live):
        photo, fields = await _photo(request)
        found = await live.studio.faces(photo)
    live.studio.expect_photo(live.worker)
    if fields.get("keep") == "true":
        found["photo"] = live.studio.photos.keep(photo)
    return JSONResponse(found, headers=PRIVATE)


@router.delete("/api/photos/{name}")
async def forget_photo(request: Request, name: str) -> Response:
    """Let go of a photo that was kept. Idempotent."""
    live_of(request).studio.photos.forget(name)
    return Response(status_code=204, headers=PRIVATE)


@router.post("/api/reconstruct")
async def reconstruct(request: Request) -> JSONResponse:
    """Queue a photo (multipart field "photo"; optional "face", "mesh", "texture", "sharpen", "refine")."""
    live = live_of(request)
    with _counted(live):
        photo, fields = await _photo(request)
        job = live.jobs.add(photo, _options(fields))
    return JSONResponse(_state(live, job), 202, {"Location": f"/api/jobs/{job.id}", **PRIVATE})


@router.get("/api/advice")
async def advice() -> JSONResponse:
    """What can be wrong with a photo, and what a result can be warned of: code -> {"en", "zh"}."""
    return JSONResponse({code: found._asdict() for code, found in (REFUSALS | WARNINGS).items()}, headers=PRIVATE)


# --- jobs -------------------------------------------------------------------------------------------------------------


@router.get("/api/jobs/{job_id}")
async def job_state(request: Request, job_id: str) -> JSONResponse:
    """How far it is."""
    return JSONResponse(_state(live_of(request), _job(request, job_id)), headers=PRIVATE)


@router.delete("/api/jobs/{job_id}")
async def delete_job(request: Request, job_id: str) -> Response:
    """Let go of the photo and of all that was made of it."""
    live_of(request).jobs.delete(_job(request, job_id))
    return Response(status_code=204, headers=PRIVATE)


@router.get("/api/jobs/{job_id}/result")
async def job_result(request: Request, job_id: str) -> Response:
    """The zip of a finished job."""
    job = _job(request, job_id)
    if job.result is None:
        raise InputError("not-found", f"the job is {job.state}; it has no result")
    headers = {"Content-Disposition": 'attachment; filename="face3d-head.zip"', **PRIVATE}
    return Response(job.result, 200, headers, "application/zip")


@router.get("/api/jobs/{job_id}/files/{name}")
async def job_file(request: Request, job_id: str, name: str) -> Response:
    """One file of the zip."""
    data = await asyncio.to_thread(_job(request, job_id).file, name)
    media_type = _TYPES.get(name.rpartition(".")[2], "application/octet-stream")
    return Response(data, 200, {"Content-Disposition": f'attachment; filename="{name}"', **PRIVATE}, media_type)


@router.get("/api/jobs/{job_id}/expression")
async def job_expression(request: Request, job_id: str) -> JSONResponse:
    """The coefficients of the photo, by name: where sliders begin."""
    job = _job(request, job_id)
    params = await asyncio.to_thread(lambda: params_from(job.file("params.npz")))
    values = dict(zip(ARKIT, params.codes.expression.clip(0, 1).round(4).tolist(), strict=True))
    return JSONResponse(values, headers=PRIVATE)


@router.websocket("/api/jobs/{job_id}/view")
async def job_view(websocket: WebSocket, job_id: str) -> None:
    """A finished head to look at: a `Look` in, a JPEG out."""
    live = live_of(websocket)
    await live.studio.serve(websocket, live.jobs, job_id)


@router.websocket("/api/jobs/{job_id}")
async def job_progress(websocket: WebSocket, job_id: str) -> None:
    """The job's state, now and whenever it changes, until it is over."""
    live = live_of(websocket)
    job = live.jobs.get(job_id)
    await websocket.accept()
    if job is None:
        await websocket.close(NO_SUCH, "no such job")
        return
    # Nothing is expected from the client; but only reading shows that it has gone.
    leaving = asyncio.create_task(_until_gone(websocket))
    try:
        while not leaving.done():
            event, over = job.changed, job.over
            await websocket.send_json(_state(live, job))
            if over:
                await websocket.close()
                return
            changed = asyncio.create_task(event.wait())
            try:
                await asyncio.wait({changed, leaving}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                changed.cancel()
    except WebSocketDisconnect:
        return
    finally:
        leaving.cancel()


async def _until_gone(websocket: WebSocket) -> None:
    while (await websocket.receive())["type"] != "websocket.disconnect":
        continue
