"""A worker's server: the live server as one machine has it, for gateways alone, with what the controller asks of it.

It runs in a process of its own, which its actor starts (`worker`), and knows nothing of Ray. Everything but the page's
files needs the cluster's secret as its token. What a session carries to another worker travels as a pickle: whoever has
the secret may run code here, as whoever reaches Ray's ports may.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import pickle
import sys
import threading
from dataclasses import dataclass, replace
from typing import BinaryIO, cast

import uvicorn
from starlette.requests import HTTPConnection, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from face3d_live.cluster.names import prefix_of
from face3d_live.cluster.options import WorkerOptions
from face3d_live.cluster.report import Reporter
from face3d_live.errors import NotFoundError, TooLargeError
from face3d_live.live import ice, logs
from face3d_live.live.access import Access
from face3d_live.live.engine.stored_avatar import StoredAvatar
from face3d_live.live.http.app import create_app
from face3d_live.live.http.connections import Connections, raise_descriptor_limit
from face3d_live.live.http.requests import live_of, object_of, path_of, read_body, session_of
from face3d_live.live.limits import Limits, parse_limits
from face3d_live.live.main import server_config
from face3d_live.live.network import listen
from face3d_live.live.service import Settings
from face3d_live.live.sessions.carried import SessionState
from face3d_live.mapping.store import config_folder

logger = logging.getLogger(__name__)

#: Bytes of a packed avatar that is carried to another worker; larger ones the page has to send again.
MAX_AVATAR = 64 << 20
_MAX_STATE = 1 << 20
#: Connections come from gateways, a few addresses with many requests each.
LIMITS = replace(Limits(), connections=2048, connections_per_address=2048)
MOVED = "session-moved", "This worker ends. The session goes on with another one."


@dataclass(frozen=True)
class WorkerConfig:
    """What an actor tells its server. host: the node's address, where it listens."""

    name: str
    secret: str
    host: str
    options: WorkerOptions


# --- what the controller asks -----------------------------------------------------------------------------------------


def _reporter_of(connection: HTTPConnection) -> Reporter:
    state = connection.app.state
    if not hasattr(state, "reporter"):
        state.reporter = Reporter(live_of(connection))
    return cast("Reporter", state.reporter)


async def report(request: Request) -> JSONResponse:
    """See `report`."""
    return JSONResponse(_reporter_of(request).report())


async def session_state(request: Request) -> Response:
    """What the session would take with it, pickled, its avatar by its key alone."""
    state = live_of(request).state_of(session_of(request))
    avatar = state.begin.avatar
    plain = replace(state, begin=replace(state.begin, avatar=None))
    return Response(pickle.dumps((plain, avatar.key if avatar is not None else "")))


async def session_avatar(request: Request) -> Response:
    """The session's avatar, packed."""
    avatar = session_of(request).shown_avatar
    if avatar is None or avatar.size > MAX_AVATAR:
        raise NotFoundError("not-found", "no avatar that is carried")
    return Response(await asyncio.to_thread(avatar.packed))


async def take_state(request: Request) -> Response:
    """A state for a session that is about to come: pickled (state, packed avatar or nothing)."""
    most = MAX_AVATAR + _MAX_STATE
    data = await read_body(request, most, TooLargeError("too-large", "the state is too large"), 10)
    state, packed = await asyncio.to_thread(pickle.loads, data)
    assert isinstance(state, SessionState)
    if packed:
        avatar = await asyncio.to_thread(StoredAvatar, packed)
        state = replace(state, begin=replace(state.begin, avatar=avatar))
    live_of(request).carried.add(path_of(request, "session_id"), state)
    return Response(status_code=204)


async def drain(request: Request) -> JSONResponse:
    """Take no new sessions, and tell `{"move": N}` of those that are here to go on elsewhere, oldest first."""
    live = live_of(request)
    move = int((await object_of(request, 1024)).get("move", 0))
    live.draining = True
    leaving = [session for session in live.sessions if session.kind == "browser"][: max(move, 0)]
    for session in leaving:
        session.notify(*MOVED)
    return JSONResponse({"sessions": len(live.sessions), "told": len(leaving)})


#: Below /api/, where the guard asks for the token. Gateways hand none of them on.
ROUTES: tuple[BaseRoute, ...] = (
    Route("/api/cluster/report", report, methods=["GET"]),
    Route("/api/cluster/sessions/{session_id}/state", session_state, methods=["GET"]),
    Route("/api/cluster/sessions/{session_id}/avatar", session_avatar, methods=["GET"]),
    Route("/api/cluster/states/{session_id}", take_state, methods=["PUT"]),
    Route("/api/cluster/drain", drain, methods=["POST"]),
)


# --- the process ------------------------------------------------------------------------------------------------------


def settings_of(config: WorkerConfig) -> Settings:
    """A worker's settings. Raises InputError for options that cannot be used."""
    options = config.options
    return Settings(
        **options.settings(),
        prefix=prefix_of(config.name),
        access=Access(config.secret, loopback=False),
        media_ports=ice.parse_ports(options.media_ports),
        ice_servers=ice.parse_all(options.ice_servers),
        takes=options.takes,
        config=config_folder() / "cluster",
        limits=parse_limits(options.limits, LIMITS),
    )


async def serve(config: WorkerConfig, announce: BinaryIO) -> None:
    """Serve until SIGTERM. The port is written to `announce` as soon as requests are answered."""
    settings = settings_of(config)
    connections = Connections(settings.limits)
    raise_descriptor_limit()
    app = create_app(settings, connections, ROUTES)
    with listen(config.host, 0) as listener:
        # A gateway says whose request it hands on, so that limits by address keep their meaning.
        options = server_config(app, connections, proxy_headers=True, forwarded_allow_ips="*")
        server = uvicorn.Server(options)
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        while not server.started and not serving.done():
            await asyncio.sleep(0.02)
        if server.started:
            announce.write(json.dumps({"port": listener.getsockname()[1]}).encode() + b"\n")
            announce.flush()
        await serving


def run() -> None:
    """The program: its configuration comes pickled on stdin, which stays open as long as the actor lives."""
    size = int.from_bytes(sys.stdin.buffer.read(4), "little")
    config = pickle.loads(sys.stdin.buffer.read(size))
    logs.configure("text", False, [config.secret])
    announce = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what libraries print is for the log
    threading.Thread(target=_end_with_actor, name="actor-watch", daemon=True).start()
    asyncio.run(serve(config, announce))


def _end_with_actor() -> None:
    sys.stdin.buffer.read()
    os._exit(0)
