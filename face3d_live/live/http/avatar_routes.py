"""The requests about avatars from files, and the page for streaming programs. docs/api.md describes them for users."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.websockets import WebSocket

from face3d_live.avatar.gltf import container
from face3d_live.errors import InputError, NotFoundError, TooLargeError
from face3d_live.live.http.ranges import drop_bad_range
from face3d_live.live.http.requests import NO_STORE, live_of, path_of, read_body, session_of, slots_of
from face3d_live.live.http.slots import Upload, while_connected
from face3d_live.live.sessions.avatars import store

_TOO_LARGE = TooLargeError(
    "avatar-too-large", f"a file may have at most {container.MAX_BYTES / 1e6:.0f} MB: use smaller textures"
)


async def avatar_state(request: Request) -> JSONResponse:
    """The avatar that is shown: `{"avatar": report}`, null for the own head."""
    avatar = session_of(request).shown_avatar
    return JSONResponse({"avatar": avatar.report if avatar is not None else None}, headers=NO_STORE)


async def upload_avatar(request: Request) -> JSONResponse:
    """Show the .glb or .vrm file of the body in this session. Answers with what was found in it."""
    session = session_of(request)
    announced = request.headers.get("content-length", "0")
    container.check_size(int(announced) if announced.isdecimal() else 0)
    with slots_of(request).upload() as upload:
        data = await _body(request, upload)
        with slots_of(request).slot(request):
            avatar = await while_connected(request, store(live_of(request).files, data))
    if live_of(request).engine.quarantine.holds(avatar.key):
        raise InputError("avatar-quarantined", "this avatar has stopped the engine before: simplify the model")
    if live_of(request).sessions.get(session.id) is None:
        raise NotFoundError("not-found", "the session ended while the avatar was read")
    session.show_avatar(avatar)
    return JSONResponse({"avatar": avatar.report}, headers=NO_STORE)


async def remove_avatar(request: Request) -> Response:
    """Show the own head again."""
    session_of(request).show_avatar(None)
    return Response(status_code=204)


async def _body(request: Request, upload: Upload) -> bytes:
    """Raises TooLargeError "avatar-too-large", InputError "too-slow", LimitError "too-many-uploads"."""
    seconds = live_of(request).settings.limits.avatar_seconds
    try:
        return await read_body(request, container.MAX_BYTES, _TOO_LARGE, seconds, upload)
    except TimeoutError as error:
        raise InputError("too-slow", f"the file did not arrive within {seconds:.0f} s") from error


# --- for streaming programs -------------------------------------------------------------------------------------------


async def view(request: Request) -> Response:
    """The page that shows the avatar alone; its options are in docs/obs.md."""
    page = live_of(request).settings.web_client / "view.html"
    drop_bad_range(request.scope, page.stat().st_size)
    return FileResponse(page, headers={"Cache-Control": "no-cache"})


async def newest_view(websocket: WebSocket) -> None:
    """The newest session's avatar with alpha."""
    await live_of(websocket).viewers.serve(websocket, None)


async def session_view(websocket: WebSocket) -> None:
    """One session's; closed with 1000 when it ends, 4404 when there is none."""
    await live_of(websocket).viewers.serve(websocket, path_of(websocket, "session_id"))


ROUTES: tuple[BaseRoute, ...] = (
    Route("/api/sessions/{session_id}/avatar", avatar_state, methods=["GET"]),
    Route("/api/sessions/{session_id}/avatar", upload_avatar, methods=["POST"]),
    Route("/api/sessions/{session_id}/avatar", remove_avatar, methods=["DELETE"]),
    Route("/view", view, methods=["GET"]),
    WebSocketRoute("/api/view", newest_view),
    WebSocketRoute("/api/sessions/{session_id}/view", session_view),
)
