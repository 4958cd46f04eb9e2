"""The requests about playing takes. docs/takes.md describes them for users."""

from __future__ import annotations

import asyncio
import math

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response

from face3d_live.errors import InputError
from face3d_live.live.http.requests import PRIVATE, live_of, object_of
from face3d_live.live.takes.playback import MAX_SPEED, MIN_SPEED, Performance
from face3d_live.takes import formats, tools

router = APIRouter()

MAX_BODY = 4096


@router.post("/api/takes/{take_id}/play")
async def play(request: Request, take_id: str) -> JSONResponse:
    """Play from {"loop"?, "start"?, "end"?, "speed"?}; what was played before ends."""
    live = live_of(request)
    plain = await object_of(request, MAX_BODY)
    for key in plain:
        if key not in ("loop", "start", "end", "speed"):
            raise InputError("bad-request", f"{key[:40]}: unknown; playing takes loop, start, end and speed")
    loop = plain.get("loop", False)
    if not isinstance(loop, bool):
        raise InputError("bad-request", "loop: write true or false")
    start, speed = _number(plain, "start", 0.0), _number(plain, "speed", 1.0)
    end = _number(plain, "end", 0.0) if plain.get("end") is not None else None
    if start < 0 or (end is not None and end <= start):
        raise InputError("bad-range", "start must be at least 0 and end after it, in seconds")
    if not MIN_SPEED <= speed <= MAX_SPEED:
        raise InputError("bad-request", f"speed: write a number from {MIN_SPEED:g} to {MAX_SPEED:g}")
    take = await asyncio.to_thread(formats.load_take, live.recordings.path(take_id))
    if not len(take):
        raise InputError("empty-take", "this take holds no frame: record it again")
    performance = Performance(tools.cut(take, start, end), loop, speed, start)
    playing = live.player.play(performance, take_id)
    return JSONResponse(playing.to_json(), headers=PRIVATE)


@router.get("/api/playing")
async def playing(request: Request) -> JSONResponse:
    """What is played, and how far it is."""
    now = live_of(request).player.now
    return JSONResponse({"playing": now.to_json() if now is not None else None}, headers=PRIVATE)


@router.delete("/api/playing")
async def stop(request: Request) -> Response:
    """Stop it."""
    await live_of(request).player.stop()
    return Response(status_code=204)


def _number(plain: dict[str, object], key: str, default: float) -> float:
    value = plain.get(key, default)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise InputError(
            "bad-request", f"{key}: write a number of seconds" if key != "speed" else "speed: write a number"
        )
    return float(value)
