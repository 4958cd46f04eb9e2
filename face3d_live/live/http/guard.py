"""Access control: the Host, Origin and token checks, as one ASGI middleware for HTTP and WebSockets.

A server on the loopback address can be reached by every page that the user's browser has open. Two checks keep those
out: the Host header must name this machine (against DNS rebinding), and a request with an Origin header must come from
the page's own origin. Programs send no Origin and are not stopped. A valid token replaces both checks.
"""

from __future__ import annotations

import hmac
from urllib.parse import parse_qs, urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from face3d_live.errors import ForbiddenError, InputError, TokenError
from face3d_live.live.hosts import is_loopback
from face3d_live.live.http.errors import deny


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
        else:
            await deny(refusal, scope, receive, send)

    def _refusal(self, scope: Scope) -> InputError | None:
        headers = Headers(scope=scope)
        if self._token is not None and scope["path"].startswith("/api/"):
            if self._has_token(scope, headers):
                return None
            return TokenError("token", "a token is needed: add ?token=... or an Authorization: Bearer header")
        host = headers.get("host", "")
        if self._loopback and not is_loopback(_hostname(host)):
            return ForbiddenError("bad-host", f"this server is for this machine only and is not called {host[:80]!r}")
        origin = headers.get("origin")
        if origin is not None and not self._is_own(origin, host):
            cure = "pages from elsewhere may not use this server; start it with --token to allow them"
            return ForbiddenError("bad-origin", cure)
        return None

    def _has_token(self, scope: Scope, headers: Headers) -> bool:
        assert self._token is not None
        scheme, _, bearer = headers.get("authorization", "").partition(" ")
        offered = [bearer.strip()] if scheme.lower() == "bearer" else []
        offered += parse_qs(scope.get("query_string", b"").decode("latin-1")).get("token", [])
        wanted = self._token.encode()
        return any([hmac.compare_digest(token.encode("utf-8", "surrogateescape"), wanted) for token in offered])

    def _is_own(self, origin: str, host: str) -> bool:
        try:
            parts = urlsplit(origin)
            # A page that another local program serves (a game's overlay) is trusted like that program.
            return parts.netloc == host or (self._loopback and is_loopback(parts.hostname or ""))
        except ValueError:
            return False


def _hostname(host: str) -> str:
    try:
        return urlsplit("//" + host).hostname or ""
    except ValueError:
        return ""
