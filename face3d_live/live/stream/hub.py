"""The expression stream's distributor: any number of sessions in, a bounded number of WebSocket clients out.

A client has room for a few frames; when it is full the oldest goes (an engine wants the newest face, not all of them).
A client that takes nothing for `STUCK_SECONDS` is dropped with close code 1013 ("try again later"); nobody else
notices.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable

from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from face3d_live.errors import InputError
from face3d_live.live.rate_limiter import Pace
from face3d_live.live.stream import subscription as wishes
from face3d_live.live.stream.subscription import Wish
from face3d_live.protocols import binary_stream, json_stream
from face3d_live.protocols.frame import StreamFrame

logger = logging.getLogger(__name__)

MAX_CLIENTS = 64
QUEUE = 4
STUCK_SECONDS = 5.0
#: How long a dropped client may still come and read its close code.
GRACE_SECONDS = 30.0

TRY_AGAIN_LATER = 1013
NORMAL = 1000
BAD_REQUEST, NO_SUCH = 4400, 4404
#: How many sessions' times a client with a rate is remembered for.
_MAX_PACES = 64


class Subscriber:
    """One client's place in the hub: what it wants and its queue."""

    def __init__(self, wish: Wish) -> None:
        self.wish = wish
        self.frames: deque[StreamFrame] = deque(maxlen=QUEUE)
        self.news = asyncio.Event()
        self.ended = False
        self._paces: dict[str, Pace] = {}

    def offer(self, frame: StreamFrame) -> None:
        """A new frame: kept when it is wanted and not too soon after the one before."""
        if self.wish.session not in (None, frame.session):
            return
        if self.wish.rate is not None:
            if len(self._paces) > _MAX_PACES:
                self._paces.clear()
            pace = self._paces.setdefault(frame.session, Pace(self.wish.rate))
            if pace.wait() > 0:
                return
            pace.sent()
        self.frames.append(frame)
        self.news.set()

    async def next(self) -> StreamFrame | None:
        """The oldest frame still kept; None when the session has ended."""
        while not self.frames:
            if self.ended:
                return None
            self.news.clear()
            await self.news.wait()
        return self.frames.popleft()


class Hub:
    """Takes frames, never waits."""

    def __init__(self, stuck_seconds: float = STUCK_SECONDS, fps: float = 30) -> None:
        self.dropped_clients = 0
        self._stuck_seconds = stuck_seconds
        self._fps = fps
        self._subscribers: set[Subscriber] = set()
        #: Called with every frame; must not wait.
        self.listeners: list[Callable[[StreamFrame], None]] = []

    @property
    def clients(self) -> int:
        """How many clients listen."""
        return len(self._subscribers)

    def publish(self, frame: StreamFrame) -> None:
        """Offer a frame to whom it concerns."""
        for subscriber in self._subscribers:
            subscriber.offer(frame)
        for listener in self.listeners:
            listener(frame)

    def end(self, session: str | None = None) -> None:
        """A session is over (None: all are): its own clients are told so, after what is still queued."""
        for subscriber in self._subscribers:
            if session is None or subscriber.wish.session == session:
                subscriber.ended = True
                subscriber.news.set()

    async def serve(self, websocket: WebSocket, exists: Callable[[str], bool], session: str | None = None) -> None:
        """Serve one client, from accepting it to its end. exists: whether a session is open; session: the path's."""
        try:
            wish = wishes.read(websocket.query_params, session)
        except InputError as error:
            await websocket.accept()
            await websocket.close(BAD_REQUEST, str(error)[:120])
            return
        if wish.session is not None and not exists(wish.session):
            await websocket.accept()
            await websocket.close(NO_SUCH, "no such session")
            return
        if len(self._subscribers) >= MAX_CLIENTS:
            await websocket.close(TRY_AGAIN_LATER, "too many clients")
            return
        subscriber = Subscriber(wish)
        self._subscribers.add(subscriber)
        reader = None
        try:
            await websocket.accept()
            reader = asyncio.create_task(_drain(websocket, subscriber), name="expressions-reader")
            await self._feed(websocket, subscriber)
        except WebSocketDisconnect:
            logger.debug("an expression client left")
        except TimeoutError:
            self.dropped_clients += 1
            self._subscribers.discard(subscriber)
            logger.warning("an expression client reads nothing; it is dropped")
            await _close(websocket, TRY_AGAIN_LATER, "too slow")
        finally:
            self._subscribers.discard(subscriber)
            if reader is not None:
                reader.cancel()

    async def _feed(self, websocket: WebSocket, subscriber: Subscriber) -> None:
        """Raises TimeoutError when the client stops reading, WebSocketDisconnect when it goes."""
        wish = subscriber.wish
        async with asyncio.timeout(self._stuck_seconds):
            await websocket.send_text(json_stream.encode_hello(min(self._fps, wish.rate or self._fps), wish.names))
        while (frame := await subscriber.next()) is not None:
            async with asyncio.timeout(self._stuck_seconds):
                if wish.binary:
                    await websocket.send_bytes(binary_stream.encode(frame, wish.columns))
                else:
                    await websocket.send_text(json_stream.encode(frame, wish.names, wish.columns))
        await _close(websocket, NORMAL, "the session has ended")


async def _drain(websocket: WebSocket, subscriber: Subscriber) -> None:
    """Clients have nothing to say; but only reading shows that they are gone."""
    try:
        while True:
            message = await websocket.receive()
            if message["type"] == "websocket.disconnect":
                break
    finally:
        subscriber.ended = True
        subscriber.frames.clear()
        subscriber.news.set()


async def _close(websocket: WebSocket, code: int, reason: str) -> None:
    if websocket.client_state is WebSocketState.DISCONNECTED:
        return
    try:
        async with asyncio.timeout(GRACE_SECONDS):
            await websocket.close(code, reason)
    except (TimeoutError, RuntimeError, WebSocketDisconnect):
        logger.debug("an expression client never took its close code")
