"""The requests about health, sessions and the expression stream. docs/api.md describes them for users."""

from __future__ import annotations

import asyncio

import cv2
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.websockets import WebSocket

from face3d_live.errors import AssetError, ConflictError, InputError
from face3d_live.live.http.requests import (
    NO_STORE,
    body_of,
    connections_of,
    flag_of,
    is_authorized,
    live_of,
    path_of,
    session_of,
    slots_of,
)
from face3d_live.live.http.slots import address_of, while_connected
from face3d_live.live.service import LiveService
from face3d_live.live.sessions.good_moment import good_portrait
from face3d_live.live.sessions.session import Portrait, Session
from face3d_live.live.webrtc import sdp

# --- health -----------------------------------------------------------------------------------------------------------


async def health(request: Request) -> JSONResponse:
    """200 while all that the server lives on is there, and the engine ready or getting ready; 503 otherwise.

    Without the token, where one is needed: the status alone.
    """
    live = live_of(request)
    failure = live.engine.failure or _missing(live)
    plain: dict[str, object] = {"status": _status(live)}
    if is_authorized(request):
        plain |= {
            "device": live.engine.device,
            "precision": live.engine.precision,
            "sessions": len(live.sessions),
            "engine_restarts": live.engine.restarts,
        }
        if failure is not None:
            plain["error"] = failure.to_json()
    return JSONResponse(plain, 503 if failure is not None else 200, NO_STORE)


async def ready(request: Request) -> JSONResponse:
    """200 when a new session would be served: the engine is ready, and there is a place."""
    live = live_of(request)
    full = len(live.sessions) >= live.settings.limits.sessions
    status = _status(live)
    if status == "ok" and (live.draining or full):
        status = "draining" if live.draining else "full"
    return JSONResponse({"status": status}, 200 if status == "ok" else 503, NO_STORE)


def _status(live: LiveService) -> str:
    if live.engine.failure is not None or _missing(live) is not None:
        return "failed"
    return "ok" if live.engine.state == "ready" else live.engine.state


def _missing(live: LiveService) -> AssetError | None:
    if not live.missing:
        return None
    return AssetError("part-missing", f"not running: {', '.join(live.missing)}; it is started again, the log says why")


async def metrics(request: Request) -> Response:
    """Prometheus text."""
    live = live_of(request)
    live.metrics.stream_clients.set(live.hub.clients)
    live.metrics.stream_dropped.set(live.hub.dropped_clients)
    live.metrics.engine_restarts.set(live.engine.restarts)
    live.metrics.engine_ready.set(live.engine.state == "ready")
    live.metrics.engine_supervised.set(live.engine.supervised)
    live.metrics.quarantined.set(live.engine.quarantine.count)
    live.metrics.update_tasks({**live.supervisor.restarts, "engine supervisor": live.engine.faults})
    bounds = connections_of(request)
    live.metrics.connections.set(len(bounds))
    live.metrics.connections_refused.set(bounds.refused)
    live.metrics.connections_timed_out.set(bounds.timed_out)
    for name, process in (("worker", live.worker), ("files", live.files), ("studio", live.studio.worker)):
        live.metrics.process_ends.labels(name).set(process.deaths)
    live.metrics.update_outputs(live.outputs)
    return Response(live.metrics.text(), media_type="text/plain; version=0.0.4; charset=utf-8")


# --- sessions ---------------------------------------------------------------------------------------------------------


async def connect(request: Request) -> Response:
    """An SDP offer in, an SDP answer out, as in WHIP. ?resume=: the session of another worker that it continues."""
    body = await body_of(request, "application/sdp", sdp.MAX_BYTES)
    try:
        offer = body.decode()
    except UnicodeDecodeError as error:
        raise InputError("bad-sdp", "the body is not a session description: it is not text") from error
    resume = request.query_params.get("resume", "")
    session, answer = await live_of(request).connect(offer, address_of(request), resume)
    headers = {"Location": f"/api/sessions/{session.id}", **NO_STORE}
    return Response(answer, 201, headers, "application/sdp")


async def sessions(request: Request) -> JSONResponse:
    """All open sessions with their states."""
    return JSONResponse({"sessions": [session.state() for session in live_of(request).sessions]}, headers=NO_STORE)


async def session_state(request: Request) -> JSONResponse:
    """State and timings."""
    return JSONResponse(session_of(request).state(), headers=NO_STORE)


async def end_session(request: Request) -> Response:
    """End it."""
    await live_of(request).end(session_of(request))
    return Response(status_code=204)


async def avatar(request: Request) -> Response:
    """The newest drawn picture as a JPEG, for sessions that no browser shows."""
    image = await session_of(request).still()
    if image is None:
        raise ConflictError("no-avatar-yet", "the engine has drawn nothing yet: try again in a moment")
    jpeg = await asyncio.to_thread(cv2.imencode, ".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 90])
    return Response(jpeg[1].tobytes(), 200, NO_STORE, "image/jpeg")


async def snapshot(request: Request) -> Response:
    """A zip of the reconstruct files for a picture of the session, see `good_portrait`. ?keep=true: also as a job's
    result."""
    live, session = live_of(request), session_of(request)
    keep = flag_of(request, "keep")
    if session.portrait is None:
        raise ConflictError("no-face-yet", "no face has been seen yet: look into the camera and try again")
    with slots_of(request).slot(request):
        zipped = await while_connected(request, _snapshot(live, session, session.portrait))
    headers = {"Content-Disposition": 'attachment; filename="face3d-snapshot.zip"', **NO_STORE}
    if keep:
        headers["Location"] = f"/api/jobs/{live.jobs.add_result(zipped).id}"
        live.studio.preload_renderer()
    return Response(zipped, 200, headers, "application/zip")


async def _snapshot(live: LiveService, session: Session, portrait: Portrait) -> bytes:
    """The zip. portrait: where the session loses its own meanwhile."""
    portrait = await good_portrait(session) or portrait
    styling = (session.engine.styling,) if session.engine.styling else ()
    return await live.worker.run(live.settings.snapshot, portrait.rgb, portrait.codes, *styling)


# --- the expression stream --------------------------------------------------------------------------------------------


async def all_expressions(websocket: WebSocket) -> None:
    """Every session's expressions, or the subscription that the query describes."""
    live = live_of(websocket)
    await live.hub.serve(websocket, lambda session: live.sessions.get(session) is not None)


async def session_expressions(websocket: WebSocket) -> None:
    """One session's expressions; closed with 1000 when it ends, 4404 when there is none."""
    live = live_of(websocket)
    await live.hub.serve(
        websocket, lambda session: live.sessions.get(session) is not None, path_of(websocket, "session_id")
    )


ROUTES: tuple[BaseRoute, ...] = (
    Route("/healthz", health, methods=["GET"]),
    Route("/readyz", ready, methods=["GET"]),
    Route("/metrics", metrics, methods=["GET"]),
    Route("/api/sessions", connect, methods=["POST"]),
    Route("/api/sessions", sessions, methods=["GET"]),
    Route("/api/sessions/{session_id}", session_state, methods=["GET"]),
    Route("/api/sessions/{session_id}", end_session, methods=["DELETE"]),
    Route("/api/sessions/{session_id}/avatar.jpg", avatar, methods=["GET"]),
    Route("/api/sessions/{session_id}/snapshot", snapshot, methods=["POST"]),
    WebSocketRoute("/api/expressions", all_expressions),
    WebSocketRoute("/api/sessions/{session_id}/expressions", session_expressions),
)
