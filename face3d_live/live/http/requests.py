"""What the request functions share: the parts behind the app, a session by its name, a body of bounded size."""

from __future__ import annotations

import json
from typing import Any, cast

from fastapi import Request, WebSocket

from face3d_live.errors import InputError
from face3d_live.live.service import Live
from face3d_live.live.sessions.session import Session

#: Headers of whatever shows or concerns a user's face.
PRIVATE = {"Cache-Control": "no-store"}
#: WebSocket close code: nothing of that name.
NO_SUCH = 4404


def live_of(of: Request | WebSocket) -> Live:
    """The running parts of the server that was asked."""
    return cast("Live", of.app.state.live)


def session_of(request: Request, session_id: str) -> Session:
    """The session of this name. Raises InputError "not-found"."""
    session = live_of(request).sessions.get(session_id)
    if session is None:
        raise InputError("not-found", f"no session is called {session_id[:40]!r}; it may have ended")
    return session


async def body_of(request: Request, media_type: str, limit: int) -> bytes:
    """The whole body, of which no more than `limit` is kept. Raises InputError "wrong-type" or "too-large"."""
    offered = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if offered != media_type:
        raise InputError("wrong-type", f"expected Content-Type: {media_type}, got {offered[:80] or 'none'}")
    body, size = bytearray(), 0
    async for chunk in request.stream():
        size += len(chunk)
        if size <= limit:
            body += chunk
        elif size > 4 * limit:
            # Most clients read the answer only when they have sent all: what is merely too large is listened to.
            break
    if size > limit:
        raise InputError("too-large", f"the body may have at most {limit} bytes")
    return bytes(body)


async def object_of(request: Request, limit: int) -> dict[str, Any]:
    """The body, a JSON object. Raises InputError "wrong-type", "too-large" or "bad-request"."""
    body = await body_of(request, "application/json", limit)
    try:
        plain = json.loads(body)
        # Half of a surrogate pair can be escaped, but neither stored nor said again.
        json.dumps(plain, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        raise InputError("bad-request", "the body is not JSON") from error
    if not isinstance(plain, dict):
        raise InputError("bad-request", "the body is not a JSON object")
    return plain
