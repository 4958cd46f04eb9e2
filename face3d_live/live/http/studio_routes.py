"""The studio's requests: photos, reconstruction jobs, views of finished heads. docs/api.md describes them for users."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import contextmanager
from typing import Any

from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import HTTPConnection, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from face3d_live.codes import ARKIT
from face3d_live.errors import Face3DError, InputError, NotFoundError, TooLargeError
from face3d_live.export.params import params_from
from face3d_live.export.vrm_meta import VrmMeta
from face3d_live.live.http.requests import NO_STORE, check_media_type, live_of, object_of, path_of, read_body, slots_of
from face3d_live.live.http.slots import Upload, address_of, while_connected
from face3d_live.live.service import LiveService
from face3d_live.live.studio.jobs import Job
from face3d_live.live.studio.photos import Photo
from face3d_live.live.studio.view_messages import MAX_MESSAGE, read_edit
from face3d_live.reconstruct.advice import REFUSALS, WARNINGS

MAX_PHOTO_BYTES = 20 * 1024 * 1024
#: Bytes of the form around the photo.
_FORM_BYTES = 64 * 1024
_TYPES = {"obj": "model/obj", "mtl": "model/mtl", "png": "image/png", "glb": "model/gltf-binary",
          "vrm": "model/gltf-binary", "json": "application/json"}  # fmt: skip


def _job(connection: HTTPConnection) -> Job:
    """The job that the path names. Raises NotFoundError "not-found"."""
    job_id = path_of(connection, "job_id")
    job = live_of(connection).jobs.get(job_id)
    if job is None:
        raise NotFoundError("not-found", f"no job is called {job_id[:40]!r}; results are kept for ten minutes")
    return job


def _state(live: LiveService, job: Job) -> dict[str, object]:
    return job.to_json() | {"ahead": live.jobs.ahead(job)}


# --- photos in --------------------------------------------------------------------------------------------------------


class MemoryParser(MultiPartParser):
    """Never spools an upload to disk: a user's photo stays in memory."""

    spool_max_size = MAX_PHOTO_BYTES + 1


async def _form_bytes(request: Request, upload: Upload) -> bytes:
    """The whole body. Raises "wrong-type", "too-large", "slow-upload" or "too-many-uploads"."""
    check_media_type(request, "multipart/form-data")
    limit = f"a photo may have at most {MAX_PHOTO_BYTES >> 20} MB: save it smaller"
    most, seconds = MAX_PHOTO_BYTES + _FORM_BYTES, live_of(request).settings.limits.photo_seconds
    try:
        return await read_body(request, most, TooLargeError("too-large", limit), seconds, upload)
    except TimeoutError as error:
        raise InputError("slow-upload", f"the photo did not arrive within {seconds:.0f} s: try again") from error


async def _photo(request: Request, upload: Upload) -> tuple[Photo, dict[str, str]]:
    """The photo and the text fields of a form. The photo is the file field "photo", whatever its name and type; or the
    text field "photo" names one that `faces` has kept.

    Raises InputError.
    """
    body = await _form_bytes(request, upload)

    async def stream() -> AsyncGenerator[bytes, None]:
        yield body

    try:
        form = await MemoryParser(request.headers, stream(), max_files=1, max_fields=6, max_part_size=1024).parse()
    except (MultiPartException, ValueError, KeyError) as error:
        raise InputError("bad-form", f"the form cannot be read: {error}") from error
    try:
        field = form.get("photo")
        if field is None:
            raise InputError("no-photo", 'the form has no file field called "photo"')
        photo = live_of(request).studio.photos.get(field) if isinstance(field, str) else Photo(await field.read())
    finally:
        await form.close()
    if not photo.data:
        raise InputError("empty", "the photo has 0 bytes: choose the file again")
    return photo, {name: value for name, value in form.items() if isinstance(value, str) and name != "photo"}


@contextmanager
def _counted(request: Request) -> Iterator[Upload]:
    """Count an upload's bytes, and photos that are refused before they become a job."""
    live = live_of(request)
    try:
        with slots_of(request).upload() as upload:
            yield upload
    except Face3DError as error:
        live.metrics.photo_failures.labels(error.code).inc()
        raise


_YES_NO = ("true", "false")
_CHOICES = {
    "mesh": ("low", "medium", "high"), "texture": ("auto", "512", "1024", "2048", "4096"),
    "sharpen": _YES_NO, "refine": _YES_NO,
}  # fmt: skip
_READ: dict[str, Callable[[str], Any]] = {
    "texture": lambda side: side if side == "auto" else int(side),
    "sharpen": "true".__eq__,
    "refine": "true".__eq__,
}


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


async def faces(request: Request) -> JSONResponse:
    """Where the faces of a photo are (multipart field "photo"), so that one can be chosen.

    A text field "photo" names a cached one, which is not searched again. With a field "keep" the photo and its faces
    are cached for a later reconstruction, under the name in the answer's "photo". Otherwise nothing is stored.
    """
    live = live_of(request)
    with _counted(request) as upload:
        photo, fields = await _photo(request, upload)
        with slots_of(request).slot(request):
            found, photo = await while_connected(request, live.studio.faces(photo))
    live.studio.preload(live.worker)
    if fields.get("keep") == "true":
        found["photo"] = live.studio.photos.add(photo)
    return JSONResponse(found, headers=NO_STORE)


async def forget_photo(request: Request) -> Response:
    """Delete a kept photo. Idempotent."""
    live_of(request).studio.photos.remove(path_of(request, "name"))
    return Response(status_code=204, headers=NO_STORE)


async def reconstruct(request: Request) -> JSONResponse:
    """Queue a photo (multipart field "photo"; optional "face", "mesh", "texture", "sharpen", "refine")."""
    live = live_of(request)
    with _counted(request) as upload:
        photo, fields = await _photo(request, upload)
        options = _options(fields)
        if photo.detections is not None:
            options["detections"] = photo.detections
        job = live.jobs.add(photo.data, options, address_of(request))
    return JSONResponse(_state(live, job), 202, {"Location": f"/api/jobs/{job.id}", **NO_STORE})


async def advice(_request: Request) -> JSONResponse:
    """What can be wrong with a photo, and what a result can be warned of: code -> {"en", "zh"}."""
    return JSONResponse({code: found._asdict() for code, found in (REFUSALS | WARNINGS).items()}, headers=NO_STORE)


# --- jobs -------------------------------------------------------------------------------------------------------------


async def job_state(request: Request) -> JSONResponse:
    """The state of a job."""
    return JSONResponse(_state(live_of(request), _job(request)), headers=NO_STORE)


async def delete_job(request: Request) -> Response:
    """Delete the job with its photo and its result."""
    live_of(request).jobs.delete(_job(request))
    return Response(status_code=204, headers=NO_STORE)


async def job_result(request: Request) -> Response:
    """The zip of a finished job."""
    job = _job(request)
    if job.result is None:
        raise NotFoundError("not-found", f"the job is {job.state}; it has no result")
    headers = {"Content-Disposition": 'attachment; filename="face3d-head.zip"', **NO_STORE}
    return Response(job.result, 200, headers, "application/zip")


async def job_file(request: Request) -> Response:
    """One file of the zip; or head.vrm, which is made on request (query: `name`, `author`, `licence=KEY=VALUE`, the
    last two also several times)."""
    name, job = path_of(request, "name"), _job(request)
    if name == "head.vrm" and job.result is not None:
        data = await _vrm(request, job)
    else:
        data = await asyncio.to_thread(job.file, name)
    media_type = _TYPES.get(name.rpartition(".")[2], "application/octet-stream")
    return Response(data, 200, {"Content-Disposition": f'attachment; filename="{name}"', **NO_STORE}, media_type)


async def _vrm(request: Request, job: Job) -> bytes:
    live, query = live_of(request), request.query_params
    try:
        meta = VrmMeta.of(query.get("name"), query.getlist("author"), query.getlist("licence"))
    except ValueError as error:
        raise InputError("bad-licence", str(error)) from error
    with slots_of(request).slot(request):
        return await live.jobs.export(job, live.settings.vrm, meta)


async def job_expression(request: Request) -> JSONResponse:
    """The coefficients of the photo by name, where the page's sliders start."""
    job = _job(request)
    params = await asyncio.to_thread(lambda: params_from(job.file("params.npz", original=True)))
    values = dict(zip(ARKIT, params.codes.expression.clip(0, 1).round(4).tolist(), strict=True))
    return JSONResponse(values, headers=NO_STORE)


async def edit_job(request: Request) -> JSONResponse:
    """Make the files again with a `HeadEdit`, the body; it replaces an earlier one. Answers when that is done."""
    live, job = live_of(request), _job(request)
    edit = read_edit(await object_of(request, MAX_MESSAGE))
    with slots_of(request).slot(request):
        await live.jobs.edit(job, live.settings.edit, edit)
    return JSONResponse(_state(live, job), headers=NO_STORE)


async def job_view(websocket: WebSocket) -> None:
    """Views of a finished head: a `StudioView` in, a JPEG out."""
    live = live_of(websocket)
    await live.studio.serve(websocket, live.jobs, path_of(websocket, "job_id"))


async def job_progress(websocket: WebSocket) -> None:
    """The job's state, now and whenever it changes, until it is over."""
    live, job = live_of(websocket), _job(websocket)
    await websocket.accept()
    # The client sends nothing, but only reading shows that it has disconnected.
    leaving = asyncio.create_task(_until_disconnected(websocket))
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


async def _until_disconnected(websocket: WebSocket) -> None:
    while (await websocket.receive())["type"] != "websocket.disconnect":
        continue


ROUTES: tuple[BaseRoute, ...] = (
    Route("/api/faces", faces, methods=["POST"]),
    Route("/api/photos/{name}", forget_photo, methods=["DELETE"]),
    Route("/api/reconstruct", reconstruct, methods=["POST"]),
    Route("/api/advice", advice, methods=["GET"]),
    Route("/api/jobs/{job_id}", job_state, methods=["GET"]),
    Route("/api/jobs/{job_id}", delete_job, methods=["DELETE"]),
    Route("/api/jobs/{job_id}/result", job_result, methods=["GET"]),
    Route("/api/jobs/{job_id}/files/{name}", job_file, methods=["GET"]),
    Route("/api/jobs/{job_id}/expression", job_expression, methods=["GET"]),
    Route("/api/jobs/{job_id}/edit", edit_job, methods=["PUT"]),
    WebSocketRoute("/api/jobs/{job_id}/view", job_view),
    WebSocketRoute("/api/jobs/{job_id}", job_progress),
)
