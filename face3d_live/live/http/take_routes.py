"""The requests about takes. docs/takes.md describes them for users."""

from __future__ import annotations

import asyncio
import os
import re
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from fastapi import APIRouter, Request
from fastapi.responses import FileResponse, JSONResponse, Response, StreamingResponse

from face3d_live.errors import InputError
from face3d_live.live.http.requests import PRIVATE, live_of, object_of, session_of
from face3d_live.live.takes.recordings import convert, convert_film
from face3d_live.takes import formats, sound
from face3d_live.takes.reader import glance
from face3d_live.takes.writer import SUFFIX

router = APIRouter()

MAX_BODY = 4096
_TYPES = {
    ".jsonl": "application/x-ndjson", ".npz": "application/octet-stream", ".csv": "text/csv; charset=utf-8",
    ".bvh": "text/plain; charset=utf-8", ".glb": "model/gltf-binary",
    ".vrma": "model/gltf-binary", ".arkit.vrma": "model/gltf-binary", ".wav": "audio/wav", ".mp4": "video/mp4",
}  # fmt: skip


#: There only where they were recorded with the take.
_RECORDED = (sound.SUFFIX, ".mp4")


@router.post("/api/sessions/{session_id}/recording")
async def record(request: Request, session_id: str) -> JSONResponse:
    """Start or stop: {"action": "start", "name": "...", "sound": false, "render": false} or {"action": "stop"}."""
    live, session = live_of(request), session_of(request, session_id)
    plain = await object_of(request, MAX_BODY)
    match plain.get("action"):
        case "start":
            name = plain.get("name", "")
            if not isinstance(name, str):
                raise InputError("bad-request", "name: expected text")
            recorder = await live.recordings.start(session, name, _flag(plain, "sound"), _flag(plain, "render"))
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
    """A take as a file, in any format that is quickly made, or what was recorded with it."""
    live = live_of(request)
    path, suffix = live.recordings.path(take_id), f".{format.lower()}"
    if suffix not in (*_suffixes(), *_RECORDED):
        every = ", ".join((*_suffixes(), *_RECORDED))
        raise InputError("unknown-format", f"no format is called {format[:20]!r}: choose {every}")
    seen = await asyncio.to_thread(glance, path)
    name = _file_name(seen.header.name or take_id) + suffix
    if suffix == sound.SUFFIX:
        return FileResponse(sound.existing(path), headers=PRIVATE, media_type=_TYPES[suffix], filename=name)
    if suffix == ".mp4":
        made = path.with_name(f".{take_id}.{secrets.token_hex(4)}.mp4")
        await live.worker.run(convert_film, path, made)
        return _only_once(made, name, _TYPES[suffix])
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


def _only_once(path: Path, name: str, media_type: str) -> Response:
    """A file that is gone as soon as it has been sent, or as nobody listens any more."""
    file = path.open("rb")
    path.unlink()
    length = str(os.fstat(file.fileno()).st_size)
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Content-Length": length, **PRIVATE}
    return StreamingResponse(_pieces(file), headers=headers, media_type=media_type)


def _pieces(file: BinaryIO) -> Iterator[bytes]:
    with file:
        while piece := file.read(1 << 18):
            yield piece


def _flag(plain: dict[str, Any], key: str) -> bool:
    value = plain.get(key, False)
    if not isinstance(value, bool):
        raise InputError("bad-request", f"{key}: expected true or false")
    return value


def _suffixes() -> tuple[str, ...]:
    return tuple(formats.QUICK)


def _file_name(name: str) -> str:
    """A take's name as a file's, safe everywhere and in a header."""
    return re.sub(r"[^0-9A-Za-z._-]+", "-", name).strip("-.")[:60] or "take"
