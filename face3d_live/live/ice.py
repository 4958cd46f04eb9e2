"""STUN and TURN servers as `--ice-server` names them, for aiortc and for the page, and the ports of `--media-ports`. By
default there are no servers, and any port may be bound.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import unquote

from aiortc import RTCIceServer

from face3d_live.errors import InputError

MAX_SERVERS = 8
_URL = re.compile(
    r"(?P<scheme>stuns?|turns?):((?P<user>[^@:\s]+):(?P<secret>[^@\s]+)@)?"
    r"(?P<host>[A-Za-z0-9_.-]{1,253}|\[[0-9a-fA-F:.]+\])(:(?P<port>\d{1,5}))?(\?transport=(?P<transport>udp|tcp))?"
)


@dataclass(frozen=True)
class IceServer:
    """url: without credentials. username, credential: a TURN server's."""

    url: str
    username: str | None = None
    credential: str | None = None

    @classmethod
    def parse(cls, text: str) -> IceServer:
        """`stun:HOST[:PORT]` or `turn:USER:SECRET@HOST[:PORT][?transport=udp|tcp]`; `turns:` is TLS over TCP.

        User and secret are percent-encoded where they hold `:`, `@` or `%`. Raises InputError "bad-ice-server".
        """
        found = _URL.fullmatch(text) if len(text) <= 500 else None
        if found is None or int(found["port"] or 1) not in range(1, 65536):
            raise _wrong("write stun:HOST:PORT or turn:USER:SECRET@HOST:PORT")
        scheme, user, secret = found["scheme"], found["user"], found["secret"]
        if scheme == "stuns":
            raise _wrong("STUN over TLS is not spoken: use stun: or turns:")
        if scheme.startswith("turn") == (user is None):
            raise _wrong("a TURN server needs USER:SECRET@, a STUN server has none")
        if scheme == "turns" and found["transport"] == "udp":
            raise _wrong("turns: goes over TCP")
        transport = "tcp" if scheme == "turns" else found["transport"]
        port = f":{found['port']}" if found["port"] else ""
        url = f"{scheme}:{found['host']}{port}" + (f"?transport={transport}" if transport else "")
        return cls(url, unquote(user) if user else None, unquote(secret) if secret else None)

    def for_aiortc(self) -> RTCIceServer:
        """aiortc asks the first STUN server and the first TURN server of a list."""
        return RTCIceServer(self.url, self.username, self.credential)

    def for_page(self) -> dict[str, str]:
        """An RTCIceServer of a browser."""
        plain = {"urls": self.url}
        if self.username is not None and self.credential is not None:
            plain |= {"username": self.username, "credential": self.credential}
        return plain


def parse_all(texts: Iterable[str]) -> tuple[IceServer, ...]:
    """Raises InputError "bad-ice-server"."""
    servers = tuple(map(IceServer.parse, texts))
    if len(servers) > MAX_SERVERS:
        raise _wrong(f"at most {MAX_SERVERS} are taken")
    return servers


def parse_ports(text: str | None) -> tuple[int, int] | None:
    """`FIRST-LAST`, UDP ports; None for any. Raises InputError "bad-port"."""
    if text is None:
        return None
    found = re.fullmatch(r"(\d{4,5})-(\d{4,5})", text)
    first, last = (int(found[1]), int(found[2])) if found else (0, 0)
    if not 1024 <= first <= last <= 65535:
        raise InputError(
            "bad-port", "--media-ports: write FIRST-LAST, such as 50000-50099, two ports a session or more"
        )
    return first, last


def _wrong(cure: str) -> InputError:
    # The text itself may hold a secret and is not repeated.
    return InputError("bad-ice-server", f"--ice-server: {cure}")
