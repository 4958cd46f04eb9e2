"""The HTTP and WebSocket requests, one function each. docs/api.md describes them for users."""

from __future__ import annotations

import asyncio

import cv2
from fastapi import APIRouter, Request, WebSocket
from fastapi.responses import JSONResponse, Response

from face3d_live.errors import InputError
from face3d_live.live.http.requests import PRIVATE, body_of, live_of, session_of
from face3d_live.live.webrtc import sdp

router = APIRouter()

# --- health -----------------------------------------------------------------------------------------------------------


@router.get("/healthz")
async def health(request: Request) -> JSONResponse:
    """200 while the engine is ready or getting ready, 503 when it cannot load."""
    live = live_of(request)
    failure = live.engine.failure
    plain: dict[str, object] = {
        "status": "ok" if live.engine.state == "ready" else live.engine.state,
        "device": live.engine.device,
        "precision": live.engine.precision,
        "sessions": len(live.sessions),
        "engine_restarts": live.engine.restarts,
    }
    if failure is not None:
        plain["error"] = {"code": failure.code, "message": failure.message}
    return JSONResponse(plain, 503 if failure is not None else 200)


@router.get("/metrics")
async def metrics(request: Request) -> Response:
    """Prometheus text."""
    live = live_of(request)
    live.metrics.stream_clients.set(live.hub.clients)
    live.metrics.stream_dropped.set(live.hub.dropped_clients)
    live.metrics.engine_restarts.set(live.engine.restarts)
    live.metrics.engine_ready.set(live.engine.state == "ready")
    live.metrics.count_outputs(live.outputs)
    return Response(live.metrics.text(), media_type="text/plain; version=0.0.4; charset=utf-8")


# --- sessions ---------------------------------------------------------------------------------------------------------


@router.post("/api/sessions")
async def connect(request: Request) -> Response:
    """An SDP offer in, an SDP answer out (the shape of WHIP)."""
    body = await body_of(request, "application/sdp", sdp.MAX_BYTES)
    try:
        offer = body.decode()
    except UnicodeDecodeError as error:
        raise InputError("bad-sdp", "the body is not a session description: it is not text") from error
    session, answer = await live_of(request).connect(offer)
    headers = {"Location": f"/api/sessions/{session.id}", **PRIVATE}
    return Response(answer, 201, headers, "application/sdp")


@router.get("/api/sessions")
async def sessions(request: Request) -> JSONResponse:
    """All open sessions with their states."""
    return JSONResponse({"sessions": [session.state() for session in live_of(request).sessions]}, headers=PRIVATE)


@router.get("/api/sessions/{session_id}")
async def session_state(request: Request, session_id: str) -> JSONResponse:
    """State and timings."""
    return JSONResponse(session_of(request, session_id).state(), headers=PRIVATE)


@router.delete("/api/sessions/{session_id}")
async def end_session(request: Request, session_id: str) -> Response:
    """End it."""
    await live_of(request).end(session_of(request, session_id))
    return Response(status_code=204)


@router.get("/api/sessions/{session_id}/avatar.jpg")
async def avatar(request: Request, session_id: str) -> Response:
    """The newest avatar as a still: a look at a session that no browser shows."""
    image = session_of(request, session_id).avatar
    if image is None:
        raise InputError("no-avatar-yet", "the engine has drawn nothing yet: try again in a moment")
    jpeg = await asyncio.to_thread(cv2.imencode, ".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 90])
    return Response(jpeg[1].tobytes(), 200, PRIVATE, "image/jpeg")


@router.post("/api/sessions/{session_id}/snapshot")
async def snapshot(request: Request, session_id: str, keep: bool = False) -> Response:
    """A zip of the reconstruct files for the newest picture with a face. keep: as a job's result, for the studio."""
    live, session = live_of(request), session_of(request, session_id)
    portrait = session.portrait
    if portrait is None:
        raise InputError("no-face-yet", "no face has been seen yet: look into the camera and try again")
    zipped = await live.worker.run(live.settings.snapshot, portrait.rgb, portrait.codes)
    headers = {"Content-Disposition": 'attachment; filename="face3d-snapshot.zip"', **PRIVATE}
    if keep:
        headers["Location"] = f"/api/jobs/{live.jobs.keep(zipped).id}"
        live.studio.expect_head()
    return Response(zipped, 200, headers, "application/zip")


# --- the expression stream --------------------------------------------------------------------------------------------


@router.websocket("/api/expressions")
async def all_expressions(websocket: WebSocket) -> None:
    """Every session's expressions, or what the query asks for (`wish`)."""
    live = live_of(websocket)
    await live.hub.serve(websocket, lambda session: live.sessions.get(session) is not None)


@router.websocket("/api/sessions/{session_id}/expressions")
async def session_expressions(websocket: WebSocket, session_id: str) -> None:
    """One session's expressions; closed with 1000 when it ends, 4404 when there is none."""
    live = live_of(websocket)
    await live.hub.serve(websocket, lambda session: live.sessions.get(session) is not None, session_id)
