"""The requests about playing takes. docs/takes.md describes them for users."""

from __future__ import annotations

import asyncio

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from face3d_live.errors import ConflictError, InputError
from face3d_live.live.http.requests import NO_STORE, live_of, number_of, object_of, path_of
from face3d_live.live.takes.playback import MAX_SPEED, MIN_SPEED, Playback
from face3d_live.takes import formats, tools

MAX_BODY = 4096


async def play(request: Request) -> JSONResponse:
    """Play a take: {"loop"?, "start"?, "end"?, "speed"?, "at"?}. The take that was played before is stopped."""
    live, take_id = live_of(request), path_of(request, "take_id")
    plain = await object_of(request, MAX_BODY)
    for key in plain:
        if key not in ("loop", "start", "end", "speed", "at"):
            raise InputError("bad-request", f"{key[:40]}: unknown; playing takes loop, start, end, speed and at")
    loop = plain.get("loop", False)
    if not isinstance(loop, bool):
        raise InputError("bad-request", "loop: write true or false")
    start, speed = number_of(plain, "start", 0.0), number_of(plain, "speed", 1.0)
    end = number_of(plain, "end", 0.0) if plain.get("end") is not None else None
    at = number_of(plain, "at", start)
    if start < 0 or (end is not None and end <= start):
        raise InputError("bad-range", "start must be at least 0 and end after it, in seconds")
    if not MIN_SPEED <= speed <= MAX_SPEED:
        raise InputError("bad-request", f"speed: write a number from {MIN_SPEED:g} to {MAX_SPEED:g}")
    take = await asyncio.to_thread(formats.load_take, live.recordings.path(take_id))
    if not len(take):
        raise ConflictError("empty-take", "this take holds no frame: record it again")
    playback = Playback(tools.cut(take, start, end), loop, speed, start, max(at - start, 0.0))
    playing = live.player.play(playback, take_id)
    return JSONResponse(playing.to_json(), headers=NO_STORE)


async def playing(request: Request) -> JSONResponse:
    """The take that is played and its position."""
    now = live_of(request).player.current
    return JSONResponse({"playing": now.to_json() if now is not None else None}, headers=NO_STORE)


async def stop(request: Request) -> Response:
    """Stop it."""
    await live_of(request).player.stop()
    return Response(status_code=204)


ROUTES: tuple[BaseRoute, ...] = (
    Route("/api/takes/{take_id}/play", play, methods=["POST"]),
    Route("/api/playing", playing, methods=["GET"]),
    Route("/api/playing", stop, methods=["DELETE"]),
)
