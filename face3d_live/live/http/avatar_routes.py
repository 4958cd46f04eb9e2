"""Requests about avatars from files, and the page for streaming programs. docs/api.md describes them for users."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter, Request, WebSocket
from fastapi.responses import FileResponse, JSONResponse, Response

from face3d_live.avatar import container
from face3d_live.errors import InputError
from face3d_live.live.http.requests import PRIVATE, live_of, session_of
from face3d_live.live.sessions.avatars import store

router = APIRouter()

#: A file that takes longer to arrive would keep others out.
UPLOAD_SECONDS = 60.0
#: What is listened to of a file that is too large: most clients read the answer only when they have sent all.
_PATIENCE = 2 * container.MAX_BYTES
#: One file at a time is in memory.
_turn = asyncio.Lock()


@router.get("/api/sessions/{session_id}/avatar")
async def shown(request: Request, session_id: str) -> JSONResponse:
    """Who is shown: `{"avatar": report}`, null for the own head."""
    avatar = session_of(request, session_id).shown
    return JSONResponse({"avatar": avatar.report if avatar is not None else None}, headers=PRIVATE)


@router.post("/api/sessions/{session_id}/avatar")
async def show(request: Request, session_id: str) -> JSONResponse:
    """The body is a .glb or .vrm file: show it for this session. Answers with what was found in it."""
    session = session_of(request, session_id)
    announced = request.headers.get("content-length", "0")
    container.check_size(int(announced) if announced.isdecimal() else 0)
    async with _turn:
        data = await _body(request)
        avatar = await store(live_of(request).worker, data)
    if live_of(request).sessions.get(session_id) is None:
        raise InputError("not-found", "the session ended while the avatar was read")
    session.show_avatar(avatar)
    return JSONResponse({"avatar": avatar.report}, headers=PRIVATE)


@router.delete("/api/sessions/{session_id}/avatar")
async def own_head(request: Request, session_id: str) -> Response:
    """The own head again; the avatar is forgotten."""
    session_of(request, session_id).show_avatar(None)
    return Response(status_code=204)


async def _body(request: Request) -> bytes:
    """Raises InputError "avatar-too-large", "too-slow"."""
    body, size = bytearray(), 0
    try:
        async with asyncio.timeout(UPLOAD_SECONDS):
            async for chunk in request.stream():
                size += len(chunk)
                if size <= container.MAX_BYTES:
                    body += chunk
                elif size > _PATIENCE:
                    break
    except TimeoutError as error:
        raise InputError("too-slow", f"the file did not arrive within {UPLOAD_SECONDS:.0f} s") from error
    container.check_size(size)
    return bytes(body)


# --- for streaming programs -------------------------------------------------------------------------------------------


@router.get("/view")
async def view(request: Request) -> Response:
    """The page that shows the avatar alone; its options are in docs/obs.md."""
    return FileResponse(live_of(request).settings.web_client / "view.html", headers={"Cache-Control": "no-cache"})


@router.websocket("/api/view")
async def newest_view(websocket: WebSocket) -> None:
    """The newest session's avatar with alpha."""
    await live_of(websocket).viewers.serve(websocket, None)


@router.websocket("/api/sessions/{session_id}/view")
async def session_view(websocket: WebSocket, session_id: str) -> None:
    """One session's; closed with 1000 when it ends, 4404 when there is none."""
    await live_of(websocket).viewers.serve(websocket, session_id)
