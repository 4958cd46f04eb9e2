"""The requests about takes. docs/takes.md describes them for users."""

from __future__ import annotations

import asyncio
import re

from fastapi import APIRouter, Request
from fastapi.responses import FileResponse, JSONResponse, Response

from face3d_live.errors import InputError
from face3d_live.live.recordings import convert
from face3d_live.live.requests import PRIVATE, live_of, object_of, session_of
from face3d_live.takes import formats
from face3d_live.takes.reader import glance
from face3d_live.takes.writer import SUFFIX

router = APIRouter()

MAX_BODY = 4096
_TYPES = {
    ".jsonl": "application/x-ndjson", ".npz": "application/octet-stream", ".csv": "text/csv; charset=utf-8",
    ".bvh": "text/plain; charset=utf-8", ".glb": "model/gltf-binary",
    ".vrma": "model/gltf-binary", ".arkit.vrma": "model/gltf-binary",
}  # fmt: skip


@router.post("/api/sessions/{session_id}/recording")
async def record(request: Request, session_id: str) -> JSONResponse:
    """Start or stop: {"action": "start", "name": "..."} or {"action": "stop"}."""
    live, session = live_of(request), session_of(request, session_id)
    plain = await object_of(request, MAX_BODY)
    match plain.get("action"):
        case "start":
            name = plain.get("name", "")
            if not isinstance(name, str):
                raise InputError("bad-request", "name: expected text")
            recorder = await live.recordings.start(session, name)
            return JSONResponse(recorder.state(), 201, {"Location": f"/api/takes/{recorder.id}", **PRIVATE})
        case "stop":
            recorder = await live.recordings.stop(session)
            return JSONResponse(recorder.state(), headers=PRIVATE)
    raise InputError("bad-request", 'action: expected "start" or "stop"')


@router.get("/api/sessions/{session_id}/recording")
async def recording_state(request: Request, session_id: str) -> JSONResponse:
    """How far the session's newest take is."""
    recorder = live_of(request).recordings.last(session_of(request, session_id))
    return JSONResponse(recorder.state() if recorder else {"recording": False}, headers=PRIVATE)


@router.get("/api/takes")
async def takes(request: Request) -> JSONResponse:
    """All takes, newest first."""
    recordings = live_of(request).recordings
    plain = {"folder": str(recordings.folder), "takes": await recordings.listing(), "formats": list(_suffixes())}
    return JSONResponse(plain, headers=PRIVATE)


@router.get("/api/takes/{take_id}")
async def take_file(request: Request, take_id: str, format: str = "jsonl") -> Response:
    """A take as a file, in any format that is quickly made."""
    live = live_of(request)
    path, suffix = live.recordings.path(take_id), f".{format.lower()}"
    if suffix not in _suffixes():
        raise InputError("unknown-format", f"no format is called {format[:20]!r}: choose {', '.join(_suffixes())}")
    seen = await asyncio.to_thread(glance, path)
    name = _file_name(seen.header.name or take_id) + suffix
    if suffix == SUFFIX:
        return FileResponse(path, headers=PRIVATE, media_type=_TYPES[suffix], filename=name)
    data = await live.worker.run(convert, path, suffix)
    headers = {"Content-Disposition": f'attachment; filename="{name}"', **PRIVATE}
    return Response(data, 200, headers, _TYPES[suffix])


@router.delete("/api/takes/{take_id}")
async def delete_take(request: Request, take_id: str) -> Response:
    """Remove it from the disk."""
    await live_of(request).recordings.delete(take_id)
    return Response(status_code=204)


def _suffixes() -> tuple[str, ...]:
    return tuple(formats.QUICK)


def _file_name(name: str) -> str:
    """A take's name as a file's, safe everywhere and in a header."""
    return re.sub(r"[^0-9A-Za-z._-]+", "-", name).strip("-.")[:60] or "take"
