"""Refusals: every error of a request has one JSON form, and its status belongs to its class (`face3d_live.errors`).

    {"error": {"code": "not-found", "message": "what to do"}}

A WebSocket that is refused is closed with the error's `close_code`, and with `code: message` as the reason.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping

from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection, Request
from starlette.responses import JSONResponse
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from face3d_live.errors import (
    Face3DError,
    InputError,
    LimitError,
    MethodError,
    NotFoundError,
    ThrottledError,
    TooLargeError,
)

logger = logging.getLogger(__name__)

#: Seconds after which a client that was refused for lack of room may try again.
RETRY_SECONDS = 5
#: The same for one that has sent too many wrong tokens.
THROTTLED_SECONDS = 60
#: RFC 6455 limits a close frame's reason to so many bytes.
_MAX_REASON = 123


def error_response(error: Face3DError, headers: Mapping[str, str] | None = None) -> JSONResponse:
    """The HTTP answer to a refused request."""
    more = {"Cache-Control": "no-store", **(headers or {})}
    if isinstance(error, LimitError):
        more["Retry-After"] = str(RETRY_SECONDS)
    if isinstance(error, ThrottledError):
        more["Retry-After"] = str(THROTTLED_SECONDS)
    if isinstance(error, TooLargeError):
        more["Connection"] = "close"  # the rest of the body is not read
    return JSONResponse({"error": error.to_json()}, error.status, more)


async def close_websocket(websocket: WebSocket, error: Face3DError) -> None:
    """Close with the error's code and reason. A browser learns of neither before the socket was accepted."""
    try:
        if websocket.application_state is WebSocketState.CONNECTING:
            await websocket.accept()
        await websocket.close(error.close_code, str(error).encode()[:_MAX_REASON].decode(errors="ignore"))
    except (RuntimeError, WebSocketDisconnect):
        logger.debug("a WebSocket left before it was refused: %s", error)


async def deny(error: Face3DError, scope: Scope, receive: Receive, send: Send) -> None:
    """Refuse a request, or a WebSocket's handshake, by the same HTTP answer. An ASGI application but for `error`."""
    if scope["type"] == "websocket":
        await receive()  # the handshake
        if "websocket.http.response" not in scope.get("extensions", {}):
            await send({"type": "websocket.close", "code": error.close_code, "reason": error.code})
            return
    await error_response(error)(scope, receive, send)


def no_route(path: str) -> NotFoundError:
    """The error for an address that nothing is at."""
    return NotFoundError("not-found", f"there is nothing at {path[:80]}")


# --- exception handlers of the application ----------------------------------------------------------------------------


async def on_face3d_error(connection: HTTPConnection, error: Exception) -> JSONResponse | None:
    """Face3DErrors that a handler raises."""
    assert isinstance(error, Face3DError)
    if isinstance(connection, WebSocket):
        await close_websocket(connection, error)
        return None
    return error_response(error)


async def on_http_exception(connection: HTTPConnection, error: Exception) -> JSONResponse | None:
    """What Starlette itself refuses: unknown addresses (also files that cannot be read) and methods."""
    assert isinstance(error, HTTPException)
    assert isinstance(connection, Request)
    path = connection.url.path[:80]
    match error.status_code:
        case 401 | 404:
            return error_response(no_route(path))
        case 405:
            wrong = MethodError("wrong-method", f"{connection.method} is not for {path}")
            # Not every Starlette names the methods of the page's files.
            return error_response(wrong, {"Allow": "GET, HEAD", **(error.headers or {})})
    return error_response(InputError("bad-request", str(error.detail)))


async def on_unexpected(_request: HTTPConnection, error: Exception) -> JSONResponse:
    """A bug. Starlette raises it again after the answer, for the log."""
    return error_response(Face3DError("internal", f"a bug, {type(error).__name__}: the server's log says more"))
