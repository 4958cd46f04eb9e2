"""The gateway's requests about what a server alone has once: takes, what is played, outputs, mappings, the streams of
all sessions. Lists are those of all workers together; a mapping is saved with every worker.
"""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.websockets import WebSocket

from face3d_live import strict_json
from face3d_live.cluster.gateway.all_streams import AllExpressions, newest_view
from face3d_live.cluster.gateway.directory import any_worker, owner
from face3d_live.cluster.gateway.routes import gateway_body, of_owner
from face3d_live.cluster.gateway.state import gateway_of
from face3d_live.cluster.names import worker_of
from face3d_live.cluster.placement import Load
from face3d_live.errors import InputError, NotFoundError
from face3d_live.live.http.requests import NO_STORE, path_of
from face3d_live.live.outputs import address
from face3d_live.mapping.profile import MAX_BYTES

# --- takes ------------------------------------------------------------------------------------------------------------


async def takes(request: Request) -> JSONResponse:
    """All workers' takes, newest first; one that several have, in a folder that they share, once."""
    found = await gateway_of(request).objects("/api/takes")
    every = {take["take"]: take for plain in found.values() for take in plain["takes"]}
    newest = sorted(every.values(), key=lambda take: (take["created"], take["take"]), reverse=True)
    folders = dict.fromkeys(plain["folder"] for plain in found.values())
    formats: list[str] = next((plain["formats"] for plain in found.values()), [])
    return JSONResponse({"folder": ", ".join(folders), "takes": newest, "formats": formats}, headers=NO_STORE)


async def take(request: Request) -> Response:
    """Whatever lies at a take: at the worker that recorded it, or, where that has ended, at one that has its file."""
    gateway = gateway_of(request)
    return await gateway.proxy.forward(request, await _worker_with_take(request, path_of(request, "take_id")))


async def play(request: Request) -> Response:
    """Play a take. Whatever another worker plays is stopped."""
    gateway, holder = gateway_of(request), await _worker_with_take(request, path_of(request, "take_id"))
    for name, plain in (await gateway.objects("/api/playing")).items():
        if plain["playing"] is not None and name != holder.name and name in gateway.directory.workers:
            await gateway.proxy.ask(gateway.directory.workers[name], "/api/playing", "DELETE")
    return await gateway.proxy.forward(request, holder)


async def _worker_with_take(request: Request, take_id: str) -> Load:
    """Raises NotFoundError "not-found"."""
    gateway = gateway_of(request)
    workers = gateway.directory.workers
    maker = workers.get(worker_of(take_id) or "")
    if maker is not None:
        return maker
    for name, plain in (await gateway.objects("/api/takes")).items():
        if name in workers and any(one["take"] == take_id for one in plain["takes"]):
            return workers[name]
    raise NotFoundError("not-found", f"no take is called {take_id[:80]!r}; its worker may be away")


async def playing(request: Request) -> JSONResponse:
    """What is played, by whichever worker."""
    found = await gateway_of(request).objects("/api/playing")
    now = next((plain["playing"] for plain in found.values() if plain["playing"] is not None), None)
    return JSONResponse({"playing": now}, headers=NO_STORE)


async def stop(request: Request) -> Response:
    """Stop it."""
    await gateway_of(request).ask_all("/api/playing", "DELETE")
    return Response(status_code=204)


# --- outputs and mappings ---------------------------------------------------------------------------------------------


async def outputs(request: Request) -> JSONResponse:
    """All workers' outputs. `needs_session`: a new one has to name the session that it sends."""
    found = await gateway_of(request).objects("/api/outputs")
    every = [one for plain in found.values() for one in plain["outputs"]]
    kinds: dict[str, Any] = next((plain["kinds"] for plain in found.values()), {})
    return JSONResponse({"outputs": every, "kinds": kinds, "needs_session": True}, headers=NO_STORE)


async def add_output(request: Request) -> Response:
    """Add an output of one session, at its worker."""
    gateway = gateway_of(request)
    body = await gateway_body(request, "application/json", MAX_BYTES)
    session = address.parse(_url_of(body)).session
    if session is None:
        cure = "vmc://HOST:PORT?session=ID; in a cluster an output sends one session, which goes on with it elsewhere"
        raise InputError("bad-output", f"name the session: {cure}")
    return await gateway.proxy.forward(request, owner(gateway.directory, session), body)


def _url_of(body: bytes) -> Any:
    try:
        plain = strict_json.loads(body)
    except ValueError:
        plain = None
    if not isinstance(plain, dict) or not isinstance(plain.get("url"), str):
        raise InputError("bad-request", 'send {"url": "vmc://192.168.1.20:39539?session=ID"}')
    return plain["url"]


async def mappings(request: Request) -> JSONResponse:
    """The profiles that any worker has, the presets, and what a profile may name."""
    found = list((await gateway_of(request).objects("/api/mappings")).values())
    saved = sorted({name for plain in found for name in plain["saved"]})
    return JSONResponse((found[0] if found else {}) | {"saved": saved}, headers=NO_STORE)


async def mapping(request: Request) -> Response:
    """A saved profile, of the first worker that has it; saving and deleting are done by all."""
    gateway = gateway_of(request)
    body = await gateway_body(request, "application/json", MAX_BYTES) if request.method == "PUT" else b""
    answer: Response | None = None
    for load in gateway.directory.workers.values():
        given = await gateway.proxy.forward(request, load, body, whole=True)
        if answer is None or given.status_code < answer.status_code:
            answer = given
        if request.method == "GET" and given.status_code == 200:
            break
    return answer if answer is not None else await gateway.proxy.forward(request, any_worker(gateway.directory), body)


# --- the streams of all sessions --------------------------------------------------------------------------------------


async def all_expressions(websocket: WebSocket) -> None:
    """Every session's expressions, of all workers; or of the one session that the query names."""
    gateway, session = gateway_of(websocket), websocket.query_params.get("session")
    if session is not None:
        await gateway.proxy.join(websocket, owner(gateway.directory, session))
    else:
        await AllExpressions(gateway, websocket).serve()


async def newest(websocket: WebSocket) -> None:
    """The newest session's avatar with alpha."""
    await newest_view(gateway_of(websocket), websocket)


_ALL = ["GET", "PATCH", "DELETE"]
ROUTES: tuple[BaseRoute, ...] = (
    Route("/api/takes", takes, methods=["GET"]),
    Route("/api/takes/{take_id}/play", play, methods=["POST"]),
    Route("/api/takes/{take_id}/trim", take, methods=["POST"]),
    Route("/api/takes/{take_id}", take, methods=_ALL),
    Route("/api/playing", playing, methods=["GET"]),
    Route("/api/playing", stop, methods=["DELETE"]),
    Route("/api/outputs", outputs, methods=["GET"]),
    Route("/api/outputs", add_output, methods=["POST"]),
    Route("/api/outputs/{some_id}", of_owner, methods=_ALL),
    Route("/api/mappings", mappings, methods=["GET"]),
    Route("/api/mappings/{name}", mapping, methods=["GET", "PUT", "DELETE"]),
    WebSocketRoute("/api/expressions", all_expressions),
    WebSocketRoute("/api/view", newest),
)
