"""Who may talk to the server: the Host, Origin and token checks, as one ASGI middleware for HTTP and WebSockets.

A server on the loopback address is still within reach of every page that the user's browser has open. Two things keep
those out: the Host header must name this machine (against DNS rebinding), and a request that carries an Origin must
come from the page's own origin. Programs send no Origin and are not stopped. A valid token stands for both checks.
"""

from __future__ import annotations

import hmac
import json
from urllib.parse import parse_qs, urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from face3d_live.live.http.hosts import is_loopback

_POLICY_VIOLATION = 1008


class Guard:
    """token: needed for /api when set. loopback: the server is bound to the loopback address only."""

    def __init__(self, app: ASGIApp, token: str | None, loopback: bool) -> None:
        self._app = app
        self._token = token
        self._loopback = loopback

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        refusal = self._refusal(scope)
        if refusal is None:
            await self._app(scope, receive, send)
        elif scope["type"] == "http":
            await _refuse(send, *refusal)
        else:
            await receive()
            await send({"type": "websocket.close", "code": _POLICY_VIOLATION, "reason": refusal[1]})

    def _refusal(self, scope: Scope) -> tuple[int, str, str] | None:
        headers = Headers(scope=scope)
        if self._token is not None and scope["path"].startswith("/api/"):
            if self._has_token(scope, headers):
                return None
            return 401, "token", "a token is needed: add ?token=... or an Authorization: Bearer header"
        host = headers.get("host", "")
        if self._loopback and not is_loopback(_hostname(host)):
            return 403, "bad-host", f"this server is for this machine only and is not called {host[:80]!r}"
        origin = headers.get("origin")
        if origin is not None and not self._own(origin, host):
            return (
                403,
                "bad-origin",
                "pages from elsewhere may not use this server; start it with --token to allow them",
            )
        return None

    def _has_token(self, scope: Scope, headers: Headers) -> bool:
        assert self._token is not None
        scheme, _, bearer = headers.get("authorization", "").partition(" ")
        offered = [bearer.strip()] if scheme.lower() == "bearer" else []
        offered += parse_qs(scope.get("query_string", b"").decode("latin-1")).get("token", [])
        wanted = self._token.encode()
        return any([hmac.compare_digest(token.encode("utf-8", "surrogateescape"), wanted) for token in offered])

    def _own(self, origin: str, host: str) -> bool:
        try:
            parts = urlsplit(origin)
            # Pages that other programs of this machine's user serve (a game's overlay) are as good as programs.
            return parts.netloc == host or (self._loopback and is_loopback(parts.hostname or ""))
        except ValueError:
            return False


def _hostname(host: str) -> str:
    try:
        return urlsplit("//" + host).hostname or ""
    except ValueError:
        return ""


async def _refuse(send: Send, status: int, code: str, message: str) -> None:
    body = json.dumps({"error": {"code": code, "message": message}}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
