"""The requests about takes. docs/takes.md describes them for users."""

from __future__ import annotations

import asyncio
import os
import re
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response, StreamingResponse
from starlette.routing import BaseRoute, Route

from face3d_live.errors import InputError
from face3d_live.live.http.ranges import drop_bad_range
from face3d_live.live.http.requests import NO_STORE, live_of, number_of, object_of, path_of, session_of, slots_of
from face3d_live.live.http.slots import while_connected
from face3d_live.live.takes.recordings import convert, convert_render
from face3d_live.takes import formats, sound
from face3d_live.takes.reader import read_summary
from face3d_live.takes.writer import SUFFIX

MAX_BODY = 4096
_TYPES = {
    ".jsonl": "application/x-ndjson", ".npz": "application/octet-stream", ".csv": "text/csv; charset=utf-8",
    ".bvh": "text/plain; charset=utf-8", ".glb": "model/gltf-binary",
    ".vrma": "model/gltf-binary", ".arkit.vrma": "model/gltf-binary", ".wav": "audio/wav", ".mp4": "video/mp4",
}  # fmt: skip


#: Formats that exist only when they were recorded with the take.
_RECORDED = (sound.SUFFIX, ".mp4")


async def record(request: Request) -> JSONResponse:
    """Start or stop: {"action": "start", "name": "...", "sound": false, "render": false} or {"action": "stop"}."""
    live, session = live_of(request), session_of(request)
    plain = await object_of(request, MAX_BODY)
    match plain.get("action"):
        case "start":
            recorder = await live.recordings.start(session, _name(plain), _flag(plain, "sound"), _flag(plain, "render"))
            return JSONResponse(recorder.state(), 201, {"Location": f"/api/takes/{recorder.id}", **NO_STORE})
        case "stop":
            recorder = await live.recordings.stop(session)
            return JSONResponse(recorder.state(), headers=NO_STORE)
    raise InputError("bad-request", 'action: expected "start" or "stop"')


async def recording_state(request: Request) -> JSONResponse:
    """The state of the session's newest recording."""
    recorder = live_of(request).recordings.last(session_of(request))
    return JSONResponse(recorder.state() if recorder else {"recording": False}, headers=NO_STORE)


async def takes(request: Request) -> JSONResponse:
    """All takes, newest first."""
    recordings = live_of(request).recordings
    plain = {"folder": str(recordings.folder), "takes": await recordings.listing(), "formats": list(_suffixes())}
    return JSONResponse(plain, headers=NO_STORE)


async def take_file(request: Request) -> Response:
    """A take as a file: ?format= one of `formats.QUICK`, or what was recorded beside it."""
    live, take_id = live_of(request), path_of(request, "take_id")
    wanted = request.query_params.get("format", "jsonl")
    path, suffix = live.recordings.path(take_id), f".{wanted.lower()}"
    if suffix not in (*_suffixes(), *_RECORDED):
        every = ", ".join((*_suffixes(), *_RECORDED))
        raise InputError("unknown-format", f"no format is called {wanted[:20]!r}: choose {every}")
    summary = await asyncio.to_thread(read_summary, path)
    name = _file_name(summary.header.name or take_id) + suffix
    if suffix == sound.SUFFIX:
        return _file(request, sound.require_sidecar(path), name, _TYPES[suffix])
    if suffix == ".mp4":
        made = path.with_name(f".{take_id}.{secrets.token_hex(4)}.mp4")
        with slots_of(request).slot(request):
            await while_connected(request, live.worker.run(convert_render, path, made))
        return _send_and_delete(made, name, _TYPES[suffix])
    if suffix == SUFFIX:
        return _file(request, path, name, _TYPES[suffix])
    with slots_of(request).slot(request):
        data = await while_connected(request, live.worker.run(convert, path, suffix))
    headers = {"Content-Disposition": f'attachment; filename="{name}"', **NO_STORE}
    return Response(data, 200, headers, _TYPES[suffix])


async def rename_take(request: Request) -> JSONResponse:
    """Another name: {"name": "..."}."""
    plain = await object_of(request, MAX_BODY)
    described = await live_of(request).recordings.rename(path_of(request, "take_id"), _name(plain))
    return JSONResponse(described, headers=NO_STORE)


async def trim_take(request: Request) -> JSONResponse:
    """A part as a take of its own: {"name": "...", "start"?, "end"?}, seconds."""
    plain = await object_of(request, MAX_BODY)
    end = number_of(plain, "end", 0.0) if plain.get("end") is not None else None
    start = number_of(plain, "start", 0.0)
    described = await live_of(request).recordings.trim(path_of(request, "take_id"), start, end, _name(plain))
    return JSONResponse(described, 201, {"Location": f"/api/takes/{described['take']}", **NO_STORE})


async def delete_take(request: Request) -> Response:
    """Remove it from the disk."""
    await live_of(request).recordings.delete(path_of(request, "take_id"))
    return Response(status_code=204)


def _file(request: Request, path: Path, name: str, media_type: str) -> Response:
    drop_bad_range(request.scope, path.stat().st_size)
    return FileResponse(path, headers=NO_STORE, media_type=media_type, filename=name)


def _send_and_delete(path: Path, name: str, media_type: str) -> Response:
    """Send a temporary file. It is unlinked now, so that it is gone with the answer, however that ends."""
    file = path.open("rb")
    path.unlink()
    length = str(os.fstat(file.fileno()).st_size)
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Content-Length": length, **NO_STORE}
    return StreamingResponse(_chunks(file), headers=headers, media_type=media_type)


def _chunks(file: BinaryIO) -> Iterator[bytes]:
    with file:
        while chunk := file.read(1 << 18):
            yield chunk


def _name(plain: dict[str, Any]) -> str:
    name = plain.get("name", "")
    if not isinstance(name, str):
        raise InputError("bad-request", "name: expected text")
    return name


def _flag(plain: dict[str, Any], key: str) -> bool:
    value = plain.get(key, False)
    if not isinstance(value, bool):
        raise InputError("bad-request", f"{key}: expected true or false")
    return value


def _suffixes() -> tuple[str, ...]:
    return tuple(formats.QUICK)


def _file_name(name: str) -> str:
    """A take's name as a file name that is safe on every system and in a header."""
    return re.sub(r"[^0-9A-Za-z._-]+", "-", name).strip("-.")[:60] or "take"


ROUTES: tuple[BaseRoute, ...] = (
    Route("/api/sessions/{session_id}/recording", record, methods=["POST"]),
    Route("/api/sessions/{session_id}/recording", recording_state, methods=["GET"]),
    Route("/api/takes", takes, methods=["GET"]),
    Route("/api/takes/{take_id}", take_file, methods=["GET"]),
    Route("/api/takes/{take_id}", rename_take, methods=["PATCH"]),
    Route("/api/takes/{take_id}", delete_take, methods=["DELETE"]),
    Route("/api/takes/{take_id}/trim", trim_take, methods=["POST"]),
)
