"""The expression stream's distributor: frames of all sessions to a bounded number of WebSocket clients.

Backpressure: each client has a queue of `QUEUE` frames, and a full queue drops its oldest frame, as receivers want the
newest face. A client that reads nothing for `STUCK_SECONDS` is closed with 1013 ("try again later"). Neither delays
other clients or the sessions.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable

from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from face3d_live.errors import LimitError, NotFoundError
from face3d_live.live.rate_limiter import RateLimiter
from face3d_live.live.stream.subscription import Subscription
from face3d_live.protocols import binary_stream, json_stream
from face3d_live.protocols.frame import StreamFrame

logger = logging.getLogger(__name__)

MAX_CLIENTS = 64
QUEUE = 4
STUCK_SECONDS = 5.0
#: How long a slow client may take to read its close code.
GRACE_SECONDS = 30.0

NORMAL = 1000
#: A client with a rate has a limiter for each session, up to so many.
_MAX_LIMITERS = 64
_TOO_SLOW = LimitError("too-slow", "the client reads too slowly: read on, or ask for a lower rate")


class Subscriber:
    """One client: its subscription and its queue of frames."""

    def __init__(self, subscription: Subscription) -> None:
        self.subscription = subscription
        self.frames: deque[StreamFrame] = deque(maxlen=QUEUE)
        self.updated = asyncio.Event()
        self.ended = False
        self._limiters: dict[str, RateLimiter] = {}

    def offer(self, frame: StreamFrame) -> None:
        """Queue a new frame if the subscription includes it and its rate limit allows it."""
        if self.subscription.session not in (None, frame.session):
            return
        if self.subscription.rate is not None:
            if len(self._limiters) > _MAX_LIMITERS:
                self._limiters.clear()
            limiter = self._limiters.setdefault(frame.session, RateLimiter(self.subscription.rate))
            if limiter.wait() > 0:
                return
            limiter.sent()
        self.frames.append(frame)
        self.updated.set()

    async def next(self) -> StreamFrame | None:
        """The oldest frame in the queue, once there is one; None when the session has ended."""
        while not self.frames:
            if self.ended:
                return None
            self.updated.clear()
            await self.updated.wait()
        return self.frames.popleft()


class Hub:
    """Distributes frames. `publish` never waits."""

    def __init__(self, stuck_seconds: float = STUCK_SECONDS, fps: float = 30) -> None:
        self.dropped_clients = 0
        self._stuck_seconds = stuck_seconds
        self._fps = fps
        self._subscribers: set[Subscriber] = set()
        #: Called with every frame; must not wait.
        self.listeners: list[Callable[[StreamFrame], None]] = []

    @property
    def clients(self) -> int:
        """The number of connected clients."""
        return len(self._subscribers)

    def publish(self, frame: StreamFrame) -> None:
        """Offer a frame to all clients and listeners."""
        for subscriber in self._subscribers:
            subscriber.offer(frame)
        for listener in self.listeners:
            listener(frame)

    def end(self, session: str | None = None) -> None:
        """A session has ended (None: all have). Its own clients are closed after their queued frames."""
        for subscriber in self._subscribers:
            if session is None or subscriber.subscription.session == session:
                subscriber.ended = True
                subscriber.updated.set()

    async def serve(self, websocket: WebSocket, exists: Callable[[str], bool], session: str | None = None) -> None:
        """Serve one client until it ends. exists: whether a session is open. session: the one that the path names.

        Raises InputError for the query, NotFoundError "not-found", LimitError "too-many-clients", before accepting.
        """
        subscription = Subscription.from_query(websocket.query_params, session)
        if subscription.session is not None and not exists(subscription.session):
            raise NotFoundError("not-found", f"no session is called {subscription.session[:40]!r}")
        if len(self._subscribers) >= MAX_CLIENTS:
            raise LimitError("too-many-clients", f"{MAX_CLIENTS} clients are connected, which is the limit")
        subscriber = Subscriber(subscription)
        self._subscribers.add(subscriber)
        reader = None
        try:
            await websocket.accept()
            reader = asyncio.create_task(_drain(websocket, subscriber), name="expressions-reader")
            await self._feed(websocket, subscriber)
        except WebSocketDisconnect:
            logger.debug("an expression client disconnected")
        except TimeoutError:
            self.dropped_clients += 1
            self._subscribers.discard(subscriber)
            logger.warning("an expression client reads nothing and is disconnected")
            await _close(websocket, _TOO_SLOW.close_code, str(_TOO_SLOW))
        finally:
            self._subscribers.discard(subscriber)
            if reader is not None:
                reader.cancel()

    async def _feed(self, websocket: WebSocket, subscriber: Subscriber) -> None:
        """Raises TimeoutError when the client stops reading, WebSocketDisconnect when it disconnects."""
        subscription = subscriber.subscription
        async with asyncio.timeout(self._stuck_seconds):
            fps = min(self._fps, subscription.rate or self._fps)
            await websocket.send_text(json_stream.encode_hello(fps, subscription.names))
        while (frame := await subscriber.next()) is not None:
            async with asyncio.timeout(self._stuck_seconds):
                if subscription.binary:
                    await websocket.send_bytes(binary_stream.encode(frame, subscription.columns))
                else:
                    await websocket.send_text(json_stream.encode(frame, subscription.names, subscription.columns))
        await _close(websocket, NORMAL, "the session has ended")


async def _drain(websocket: WebSocket, subscriber: Subscriber) -> None:
    """Read until the client disconnects. Clients send nothing, but only reading shows that they are gone."""
    try:
        while True:
            message = await websocket.receive()
            if message["type"] == "websocket.disconnect":
                break
    finally:
        subscriber.ended = True
        subscriber.frames.clear()
        subscriber.updated.set()


async def _close(websocket: WebSocket, code: int, reason: str) -> None:
    if websocket.client_state is WebSocketState.DISCONNECTED:
        return
    try:
        async with asyncio.timeout(GRACE_SECONDS):
            await websocket.close(code, reason)
    except (TimeoutError, RuntimeError, WebSocketDisconnect):
        logger.debug("an expression client never read its close code")
