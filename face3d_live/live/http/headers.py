"""Headers of every answer: what browsers may do with it, and which pages of other origins may read it (CORS).

Content-Security-Policy: everything from the server itself, nothing inline; only `/view` may stand in a frame, where
`--frame-ancestors` names who may show it. CORS: with a token every origin may read what lies below /api/, as its
requests need the token; without one only the origins that the guard lets through.
"""

from __future__ import annotations

import re

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from face3d_live.live.access import Access
from face3d_live.live.http.guard import is_own

_POLICY = (
    "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' blob:; media-src 'self' blob:; "
    "connect-src 'self'{sockets}; object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors {ancestors}"
)
#: What the page uses is for itself; everything else that could watch a user is off.
_PERMISSIONS = (
    "camera=(self), microphone=(self), fullscreen=(self), autoplay=(self), display-capture=(), geolocation=(), "
    "usb=(), serial=(), hid=(), midi=(), payment=(), accelerometer=(), gyroscope=(), magnetometer=()"
)
_ALWAYS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": _PERMISSIONS,
    "Cross-Origin-Opener-Policy": "same-origin",
}
_METHODS = "GET, POST, PUT, PATCH, DELETE"
_ASKED = "Authorization, Content-Type"
_SHOWN = "Location, Retry-After, Content-Disposition"
#: Seconds for which a browser remembers the answer to a preflight request.
_MAX_AGE = "600"


class SecurityHeaders:
    """Adds the headers, and answers the preflight requests of pages of other origins."""

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self._app = app
        self._access = access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        asked = Headers(scope=scope)
        origin = self._readable_by(scope, asked)

        async def with_headers(message: Message) -> None:
            if message["type"] in ("http.response.start", "websocket.http.response.start"):
                headers = MutableHeaders(scope=message)
                headers.update(self._headers(scope["path"], asked.get("host", "")))
                if origin is not None:
                    headers["Access-Control-Allow-Origin"] = origin
                    headers["Access-Control-Expose-Headers"] = _SHOWN
                if scope["path"].startswith("/api/"):
                    headers.add_vary_header("Origin")
            await send(message)

        if origin is not None and scope["type"] == "http" and _is_preflight(scope, asked):
            await with_headers({"type": "http.response.start", "status": 204, "headers": _preflight()})
            await send({"type": "http.response.body", "body": b""})
            return
        await self._app(scope, receive, with_headers)

    def _readable_by(self, scope: Scope, asked: Headers) -> str | None:
        """The origin whose pages may read the answer, None for the page's own alone."""
        origin = asked.get("origin")
        if origin is None or not scope["path"].startswith("/api/"):
            return None
        if self._access.token is not None or is_own(origin, asked.get("host", ""), self._access.loopback):
            return origin
        return None

    def _headers(self, path: str, host: str) -> dict[str, str]:
        ancestors = " ".join(self._access.frame_ancestors) if path == "/view" else ""
        # Safari before 16 does not count WebSockets of the own host to 'self'.
        sockets = f" ws://{host} wss://{host}" if _is_plain(host) else ""
        policy = _POLICY.format(sockets=sockets, ancestors=ancestors or "'none'")
        headers = {"Content-Security-Policy": policy, **_ALWAYS}
        if not ancestors:
            headers["X-Frame-Options"] = "DENY"
        return headers


def _is_plain(host: str) -> bool:
    return re.fullmatch(r"[A-Za-z0-9._:\[\]-]{1,255}", host) is not None


def _is_preflight(scope: Scope, asked: Headers) -> bool:
    return scope["method"] == "OPTIONS" and "access-control-request-method" in asked


def _preflight() -> list[tuple[bytes, bytes]]:
    fields = {
        "Access-Control-Allow-Methods": _METHODS,
        "Access-Control-Allow-Headers": _ASKED,
        "Access-Control-Max-Age": _MAX_AGE,
        "Content-Length": "0",
    }
    return [(name.lower().encode(), value.encode()) for name, value in fields.items()]
