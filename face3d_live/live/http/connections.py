"""HTTP connections with bounds: how many there are, and how long each may take for what it sends and reads.

uvicorn bounds what a connection may do between two requests, and nothing before the first one, during a request's
headers, or while it reads no answer. `protocol` makes a protocol class that does.
"""

from __future__ import annotations

import asyncio
import json
import resource
from typing import Any, cast

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from face3d_live.errors import LimitError
from face3d_live.live.limits import Limits

#: Descriptors kept for everything that is no HTTP connection: sessions, processes, recordings, files.
RESERVED_DESCRIPTORS = 160
MIN_CONNECTIONS = 16
_TOO_MANY = LimitError("too-many-connections", "too many connections are open; try again later")
_FULL = (
    b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\nRetry-After: 5\r\n"
    b"Cache-Control: no-store\r\nConnection: close\r\n\r\n"
) + json.dumps({"error": _TOO_MANY.to_json()}).encode()


def raise_descriptor_limit() -> None:
    """As many descriptors as this process may have."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 65_536 if hard == resource.RLIM_INFINITY else hard
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


class Connections:
    """The open connections of a server, WebSockets included. refused, timed_out: how many, ever."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.refused = self.timed_out = 0
        self._open: dict[asyncio.Transport, str] = {}

    def __len__(self) -> int:
        self._forget_closed()
        return len(self._open)

    @property
    def most(self) -> int:
        """The cap: of the limits, or what the descriptors of the process leave."""
        descriptors, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        return min(int(self.limits.connections), max(descriptors - RESERVED_DESCRIPTORS, MIN_CONNECTIONS))

    def admit(self, transport: asyncio.Transport) -> bool:
        """Whether there is room for one more. The connection then counts until it is closed."""
        self._forget_closed()
        peer = transport.get_extra_info("peername")
        address = str(peer[0]) if peer else ""
        of_address = sum(other == address for other in self._open.values())
        if len(self._open) >= self.most or of_address >= self.limits.connections_per_address:
            self.refused += 1
            return False
        self._open[transport] = address
        return True

    def _forget_closed(self) -> None:
        self._open = {transport: address for transport, address in self._open.items() if not transport.is_closing()}


class BoundedProtocol(H11Protocol):
    """Made by `protocol`, which sets `bounds`."""

    bounds: Connections

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Refuse the connection, or give it its time for a request."""
        self._waiting: asyncio.TimerHandle | None = None
        self._writing: asyncio.TimerHandle | None = None
        self._refused = not self.bounds.admit(cast("asyncio.Transport", transport))
        super().connection_made(cast("asyncio.Transport", transport))
        if self._refused:
            self.transport.write(_FULL)
            self.transport.close()
        else:
            self._watch_request()

    def connection_lost(self, exc: Exception | None) -> None:
        """No more time-outs."""
        self._stop("_waiting")
        self._stop("_writing")
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Headers have to be complete in time, whether they come at once or a byte a second."""
        if self._refused:
            return
        super().data_received(data)
        self._watch_request()

    def on_response_complete(self) -> None:
        """A client that still sends a body that nobody reads has a limited time for it, too."""
        super().on_response_complete()
        self._watch_request()

    def handle_websocket_upgrade(self, event: h11.Request) -> None:
        """From here on the WebSocket's own pings notice who is away."""
        self._stop("_waiting")
        super().handle_websocket_upgrade(event)

    def pause_writing(self) -> None:
        """The client reads slower than we send."""
        super().pause_writing()
        if self._writing is None:
            self._writing = self.loop.call_later(self.bounds.limits.write_seconds, self._give_up)

    def resume_writing(self) -> None:
        """It has read most of what there was."""
        self._stop("_writing")
        super().resume_writing()

    def _watch_request(self) -> None:
        """Time runs while a request is not complete and nobody works on it."""
        cycle = self.cycle
        idle = self.conn.their_state is h11.IDLE
        unread = cycle is not None and cycle.response_complete and self.conn.their_state is h11.SEND_BODY
        upgraded = self.transport.get_protocol() is not self
        if upgraded or self.transport.is_closing() or not (idle or unread):
            self._stop("_waiting")
        elif self._waiting is None and self.timeout_keep_alive_task is None:
            self._waiting = self.loop.call_later(self.bounds.limits.header_seconds, self._give_up)

    def _give_up(self) -> None:
        self.bounds.timed_out += 1
        self.transport.abort()

    def _stop(self, name: str) -> None:
        timer: asyncio.TimerHandle | None = getattr(self, name)
        if timer is not None:
            timer.cancel()
            setattr(self, name, None)


def protocol(bounds: Connections) -> type[asyncio.Protocol]:
    """The protocol class for `uvicorn.Config(http=...)`."""
    return type("Protocol", (BoundedProtocol,), {"bounds": bounds})


def server_options(bounds: Connections) -> dict[str, Any]:
    """Arguments of `uvicorn.Config`."""
    return {
        "http": protocol(bounds),
        "timeout_keep_alive": int(bounds.limits.idle_seconds),
        "backlog": 128,
        "ws_max_size": 256 * 1024,  # what clients send is small
        "ws_ping_interval": 10.0,
        "ws_ping_timeout": 10.0,
    }
