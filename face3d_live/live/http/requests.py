"""What the request handlers share: the service behind the app, names from the path, bodies of bounded size."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, cast

from starlette.requests import HTTPConnection, Request

from face3d_live import strict_json
from face3d_live.checks import checked_finite
from face3d_live.errors import Face3DError, InputError, MediaTypeError, NotFoundError, TooLargeError
from face3d_live.live.http.connections import Connections
from face3d_live.live.http.guard import AUTHORIZED
from face3d_live.live.http.slots import Slots, Upload
from face3d_live.live.service import LiveService
from face3d_live.live.sessions.session import Session

#: Headers of every answer that shows or concerns a user's face.
NO_STORE = {"Cache-Control": "no-store"}


def live_of(connection: HTTPConnection) -> LiveService:
    """The service behind the server that was asked."""
    return cast("LiveService", connection.app.state.live)


def is_authorized(connection: HTTPConnection) -> bool:
    """Whether the request had the token, or none is needed: only such ones get to see states that concern users."""
    return bool(connection.scope[AUTHORIZED])


def number_of(plain: Mapping[str, object], key: str, default: float) -> float:
    """A number of a body, finite. Raises InputError "bad-request"."""
    try:
        return checked_finite(plain.get(key, default), key)
    except ValueError as error:
        raise InputError("bad-request", f"{error}: write a number") from error


def slots_of(connection: HTTPConnection) -> Slots:
    """What the server does at once."""
    return cast("Slots", connection.app.state.slots)


def connections_of(connection: HTTPConnection) -> Connections:
    """The server's connections."""
    return cast("Connections", connection.app.state.connections)


def path_of(connection: HTTPConnection, name: str) -> str:
    """A parameter of the path."""
    return str(connection.path_params[name])


def flag_of(connection: HTTPConnection, name: str) -> bool:
    """A yes or no of the query, no by default. Raises InputError "bad-request"."""
    match connection.query_params.get(name, "false").lower():
        case "true" | "1" | "yes" | "on":
            return True
        case "false" | "0" | "no" | "off":
            return False
    raise InputError("bad-request", f"{name}: write true or false")


def session_of(connection: HTTPConnection) -> Session:
    """The session that the path names. Raises NotFoundError "not-found"."""
    session_id = path_of(connection, "session_id")
    session = live_of(connection).sessions.get(session_id)
    if session is None:
        raise NotFoundError("not-found", f"no session is called {session_id[:40]!r}; it may have ended")
    return session


def check_media_type(request: Request, expected: str) -> None:
    """Raises MediaTypeError "wrong-type"."""
    offered = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if offered != expected:
        raise MediaTypeError("wrong-type", f"expected Content-Type: {expected}, got {offered[:80] or 'none'}")


async def read_body(
    request: Request, limit: int, error: Face3DError, seconds: float, upload: Upload | None = None
) -> bytes:
    """The whole body. Raises `error` when it has more than `limit` bytes, TimeoutError after `seconds`.

    upload: counts the bytes, and may refuse more. Most clients read the answer only when they have sent everything, so
    up to four times the limit is read and dropped.
    """
    body, size = bytearray(), 0
    async with asyncio.timeout(seconds):
        async for chunk in request.stream():
            size += len(chunk)
            if size <= limit:
                if upload is not None:
                    upload.add(len(chunk))
                body += chunk
            elif size > 4 * limit:
                break
    if size > limit:
        raise error
    return bytes(body)


async def body_of(request: Request, media_type: str, limit: int) -> bytes:
    """The whole body. Raises MediaTypeError "wrong-type", TooLargeError "too-large", InputError "slow-body"."""
    check_media_type(request, media_type)
    too_large = TooLargeError("too-large", f"the body may have at most {limit} bytes")
    seconds = live_of(request).settings.limits.body_seconds
    try:
        return await read_body(request, limit, too_large, seconds)
    except TimeoutError as error:
        raise InputError("slow-body", f"the body did not arrive within {seconds:.0f} s: try again") from error


async def object_of(request: Request, limit: int) -> dict[str, Any]:
    """The body, a JSON object. Raises "wrong-type", "too-large" or InputError "bad-request"."""
    body = await body_of(request, "application/json", limit)
    try:
        plain = strict_json.loads(body)
    except ValueError as error:
        raise InputError("bad-request", f"the body is not JSON that can be used: {error}") from error
    if not isinstance(plain, dict):
        raise InputError("bad-request", "the body is not a JSON object")
    return plain
