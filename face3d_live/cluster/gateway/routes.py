"""The gateway's requests about health, sessions, streams and studio. They are those of docs/api.md, for all workers."""

from __future__ import annotations

from collections.abc import AsyncGenerator

from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.websockets import WebSocket

from face3d_live.cluster.gateway.directory import any_worker, owner
from face3d_live.cluster.gateway.proxy import QUICK_SECONDS
from face3d_live.cluster.gateway.state import gateway_of
from face3d_live.cluster.placement import free_places
from face3d_live.errors import AssetError, Face3DError, InputError, LimitError, NotFoundError, TooLargeError
from face3d_live.live.http.network_routes import authority, phone
from face3d_live.live.http.ranges import drop_bad_range
from face3d_live.live.http.requests import NO_STORE, check_media_type, is_authorized, path_of, read_body
from face3d_live.live.http.slots import address_of
from face3d_live.live.http.studio_routes import advice
from face3d_live.live.webrtc import sdp

#: Workers that are tried for one session.
MAX_TRIES = 3
#: A form that is no larger may name a kept photo, and then goes to the worker that has it.
_NAMING_FORM = 64 * 1024

# --- health -----------------------------------------------------------------------------------------------------------


async def health(request: Request) -> JSONResponse:
    """200 while the controller answers and a worker is there."""
    gateway = gateway_of(request)
    workers = gateway.directory.workers.values()
    plain: dict[str, object] = {"status": "ok"}
    failure: Face3DError | None = None
    if gateway.directory.stale:
        failure = AssetError("cluster-away", "the cluster's controller does not answer")
    elif not workers:
        failure = LimitError("no-worker", "no worker is there yet")
    if failure is not None:
        plain["status"] = "failed"
    if is_authorized(request):
        plain |= {"workers": len(workers), "sessions": sum(load.sessions for load in workers)}
        if failure is not None:
            plain["error"] = failure.to_json()
    return JSONResponse(plain, 503 if failure is not None else 200, NO_STORE)


async def ready(request: Request) -> JSONResponse:
    """200 when a new session would find a place."""
    workers = gateway_of(request).directory.workers.values()
    status = "ok" if free_places(workers) else "full" if any(load.ready for load in workers) else "starting"
    return JSONResponse({"status": status}, 200 if status == "ok" else 503, NO_STORE)


# --- sessions ---------------------------------------------------------------------------------------------------------


async def connect(request: Request) -> Response:
    """An SDP offer to the least loaded worker. One that is away, or full by now, is followed by another."""
    gateway = gateway_of(request)
    body = await gateway_body(request, "application/sdp", sdp.MAX_BYTES)
    resume = request.query_params.get("resume", "")
    tried: list[str] = []
    while True:
        try:
            worker = await gateway.directory.place(address_of(request), tried, resume)
        except LimitError:
            gateway.metrics.refused.inc()
            raise
        tried.append(worker.name)
        try:
            answer = await gateway.proxy.forward(request, worker, body, whole=True)
        except AssetError:
            if len(tried) >= MAX_TRIES:
                raise
            continue
        if answer.status_code == 503 and len(tried) < MAX_TRIES:
            continue
        if answer.status_code == 201:
            gateway.metrics.placed.inc()
            if resume:
                gateway.metrics.resumed.inc()
        return answer


async def sessions(request: Request) -> JSONResponse:
    """All open sessions of all workers with their states."""
    found = await gateway_of(request).objects("/api/sessions")
    return JSONResponse({"sessions": [one for plain in found.values() for one in plain["sessions"]]}, headers=NO_STORE)


async def of_owner(request: Request) -> Response:
    """Whatever lies at a session, a job or an output, at its worker."""
    gateway = gateway_of(request)
    return await gateway.proxy.forward(request, owner(gateway.directory, path_of(request, "some_id")))


async def session_state(request: Request) -> Response:
    """State and timings. A page asks for it to learn whether its worker is still there, and does not wait long."""
    gateway = gateway_of(request)
    worker = owner(gateway.directory, path_of(request, "some_id"))
    return await gateway.proxy.forward(request, worker, seconds=QUICK_SECONDS)


async def socket_of(websocket: WebSocket) -> None:
    """A WebSocket of a session or a job, at its worker."""
    gateway = gateway_of(websocket)
    await gateway.proxy.join(websocket, owner(gateway.directory, path_of(websocket, "some_id")))


async def view(request: Request) -> Response:
    """The page that shows the avatar alone."""
    page = gateway_of(request).web_client / "view.html"
    drop_bad_range(request.scope, page.stat().st_size)
    return FileResponse(page, headers={"Cache-Control": "no-cache"})


# --- studio -----------------------------------------------------------------------------------------------------------


async def photo(request: Request) -> Response:
    """A form with a photo: to the worker that keeps the one that it names, else to the one with the fewest jobs."""
    gateway = gateway_of(request)
    length = request.headers.get("content-length", "")
    if not length.isdecimal() or int(length) > _NAMING_FORM:
        return await gateway.proxy.forward(request, any_worker(gateway.directory))
    body = await gateway_body(request, "multipart/form-data", _NAMING_FORM)
    named = await _named_photo(request, body)
    try:
        worker = owner(gateway.directory, named) if named else any_worker(gateway.directory)
    except NotFoundError as error:
        raise NotFoundError("photo-gone", "the photo is not kept any more: send it again") from error
    return await gateway.proxy.forward(request, worker, body)


async def _named_photo(request: Request, body: bytes) -> str:
    async def stream() -> AsyncGenerator[bytes, None]:
        yield body

    try:
        form = await MultiPartParser(request.headers, stream(), max_files=1, max_fields=6, max_part_size=1024).parse()
    except (MultiPartException, ValueError, KeyError):
        return ""  # the worker says what is wrong with it
    named = form.get("photo")
    await form.close()
    return named if isinstance(named, str) else ""


async def forget_photo(request: Request) -> Response:
    """Delete a kept photo. Idempotent: that of a worker that has ended is gone."""
    try:
        return await of_owner(request)
    except NotFoundError:
        return Response(status_code=204, headers=NO_STORE)


async def anywhere(request: Request) -> Response:
    """What every worker answers alike."""
    gateway = gateway_of(request)
    return await gateway.proxy.forward(request, any_worker(gateway.directory))


async def metrics(request: Request) -> Response:
    """Prometheus text: the gateway's, and all workers' with the label `worker`."""
    gateway = gateway_of(request)
    return Response(await gateway.metrics_text(), media_type="text/plain; version=0.0.4; charset=utf-8")


async def gateway_body(request: Request, media_type: str, limit: int) -> bytes:
    check_media_type(request, media_type)
    too_large = TooLargeError("too-large", f"the body may have at most {limit} bytes")
    seconds = gateway_of(request).limits.body_seconds
    try:
        return await read_body(request, limit, too_large, seconds)
    except TimeoutError as error:
        raise InputError("slow-body", f"the body did not arrive within {seconds:.0f} s: try again") from error


_ALL = ["GET", "POST", "PUT", "PATCH", "DELETE"]
ROUTES: tuple[BaseRoute, ...] = (
    Route("/healthz", health, methods=["GET"]),
    Route("/readyz", ready, methods=["GET"]),
    Route("/metrics", metrics, methods=["GET"]),
    Route("/view", view, methods=["GET"]),
    Route("/api/phone", phone, methods=["GET"]),
    Route("/ca.crt", authority, methods=["GET"]),
    Route("/api/advice", advice, methods=["GET"]),
    Route("/api/ice", anywhere, methods=["GET"]),
    Route("/api/sessions", connect, methods=["POST"]),
    Route("/api/sessions", sessions, methods=["GET"]),
    Route("/api/sessions/{some_id}", session_state, methods=["GET"]),
    WebSocketRoute("/api/sessions/{some_id}/expressions", socket_of),
    WebSocketRoute("/api/sessions/{some_id}/view", socket_of),
    Route("/api/sessions/{some_id}", of_owner, methods=_ALL),
    Route("/api/sessions/{some_id}/{rest:path}", of_owner, methods=_ALL),
    Route("/api/faces", photo, methods=["POST"]),
    Route("/api/reconstruct", photo, methods=["POST"]),
    Route("/api/photos/{some_id}", forget_photo, methods=["DELETE"]),
    WebSocketRoute("/api/jobs/{some_id}", socket_of),
    WebSocketRoute("/api/jobs/{some_id}/view", socket_of),
    Route("/api/jobs/{some_id}", of_owner, methods=_ALL),
    Route("/api/jobs/{some_id}/{rest:path}", of_owner, methods=_ALL),
)
