"""Access control: the Host, Origin and token checks, as one ASGI middleware for HTTP and WebSockets.

A server on the loopback address can be reached by every page that the user's browser has open, one in a network by
every page of every browser there. Two checks keep those out: the Host header must name this machine (against DNS
rebinding), and a request with an Origin header must come from the page's own origin. Programs send no Origin and are
not stopped. A valid token replaces both checks.

A token comes as `Authorization: Bearer`, or as the WebSocket subprotocol `face3d.token.<base64url>` (a browser can set
no header there); never in an address, as those are logged. The page's files need none.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import math
from urllib.parse import parse_qs, urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from face3d_live.errors import ForbiddenError, InputError, ThrottledError, TokenError
from face3d_live.live.access import Access
from face3d_live.live.hosts import is_loopback
from face3d_live.live.http.errors import deny
from face3d_live.live.http.throttle import Throttle

#: The subprotocol that a page's WebSockets agree on, and the prefix of the one that carries the token.
PROTOCOL = "face3d"
TOKEN_PROTOCOL = "face3d.token."
#: Answered to everybody, but in short to those without the token: what watches over the server has none.
HEALTH = ("/healthz", "/readyz")
#: The key of the ASGI scope that says whether the request may see everything.
AUTHORIZED = "face3d.authorized"


class Guard:
    """Refuses what may not pass, and marks in the scope (`AUTHORIZED`) whether a request had the token."""

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self._app = app
        self._access = access
        self._throttle = Throttle()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        scope[AUTHORIZED] = self._access.token is None
        try:
            self._check(scope)
        except InputError as refusal:
            await deny(refusal, scope, receive, send)
            return
        await self._app(scope, receive, _agreeing(scope, send))

    def _check(self, scope: Scope) -> None:
        """Raises TokenError "token", ThrottledError "too-many-attempts", ForbiddenError "bad-host", "bad-origin"."""
        headers = Headers(scope=scope)
        if self._access.token is not None and _is_guarded(scope["path"]):
            if offered := _offered(scope, headers):
                self._compare(offered, self._access.token, (scope.get("client") or ("", 0))[0])
                scope[AUTHORIZED] = True
                return
            if "token" in parse_qs(scope.get("query_string", b"").decode("latin-1"), keep_blank_values=True):
                cure = "send the header Authorization: Bearer ..., or the WebSocket subprotocol of docs/api.md"
                raise TokenError("token", f"addresses are logged, a token in one is not taken: {cure}")
            if scope["path"] not in HEALTH:
                raise TokenError("token", "a token is needed: send the header Authorization: Bearer ...")
        host = headers.get("host", "")
        if not self._access.allows_host(hostname(host)):
            cure = "if it shall be, start it with --allow-host NAME"
            raise ForbiddenError("bad-host", f"this server is not called {host[:80]!r}; {cure}")
        origin = headers.get("origin")
        if origin is not None and not is_own(origin, host, self._access.loopback):
            cure = "pages from elsewhere may not use this server; start it with a token to allow them"
            raise ForbiddenError("bad-origin", cure)

    def _compare(self, offered: list[bytes], wanted: str, address: str) -> None:
        wait = self._throttle.wait(address)
        if wait > 0:
            text = f"too many wrong tokens came from your address: try again in {math.ceil(wait)} s"
            raise ThrottledError("too-many-attempts", text)
        if not any([hmac.compare_digest(token, wanted.encode()) for token in offered]):
            self._throttle.wrong(address)
            raise TokenError("token", "this is not the server's token: open the address that it printed")


def is_own(origin: str, host: str, loopback: bool) -> bool:
    """Whether a page of this origin belongs to the server at `host`.

    On a loopback server, a page that another local program serves (a game's overlay) is trusted like that program.
    """
    try:
        parts = urlsplit(origin)
        name = parts.hostname or ""
    except ValueError:
        return False
    if parts.scheme not in ("http", "https") or not name:
        return False
    return parts.netloc == host or (loopback and is_loopback(name))


def _is_guarded(path: str) -> bool:
    return path.startswith("/api/") or path == "/metrics" or path in HEALTH


def _offered(scope: Scope, headers: Headers) -> list[bytes]:
    """The tokens of a request, empty ones left out."""
    scheme, _, bearer = headers.get("authorization", "").partition(" ")
    # Programs write UTF-8, browsers Latin-1.
    found = [bearer.strip().encode(coding) for coding in ("latin-1", "utf-8")] if scheme.lower() == "bearer" else []
    protocols = scope.get("subprotocols", ()) if scope["type"] == "websocket" else ()
    found += [_decoded(name.removeprefix(TOKEN_PROTOCOL)) for name in protocols if name.startswith(TOKEN_PROTOCOL)]
    return [token for token in found if token]


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return b"\0"  # no token is


def _agreeing(scope: Scope, send: Send) -> Send:
    """`send` that agrees to the page's subprotocol: a browser closes a socket whose protocols are not answered."""
    if scope["type"] != "websocket" or PROTOCOL not in scope.get("subprotocols", ()):
        return send

    async def agree(message: Message) -> None:
        if message["type"] == "websocket.accept":
            message = {**message, "subprotocol": message.get("subprotocol") or PROTOCOL}
        await send(message)

    return agree


def hostname(host: str) -> str:
    """The name or address of a Host header, without its port; "" for what is none."""
    try:
        return urlsplit("//" + host).hostname or ""
    except ValueError:
        return ""
