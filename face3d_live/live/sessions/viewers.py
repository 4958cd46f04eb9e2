"""The avatar with alpha for streaming programs: WebP pictures over a WebSocket, newest frame first.

WebRTC video has no alpha channel. A viewer gets WebP pictures (about 20 kB) instead, each in one binary message, and
acknowledges each that it has drawn. Backpressure: at most `MAX_IN_FLIGHT` pictures are unacknowledged, so a slow viewer
skips pictures instead of falling behind. Before the first picture of a session a text message names the session:
`{"session": id, "size": 512}`, and `{"session": null}` while there is none; the same comes again when the pictures'
size changes.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import logging
from concurrent.futures import ThreadPoolExecutor

from PIL import Image
from starlette.websockets import WebSocket, WebSocketDisconnect

from face3d_live.errors import LimitError, NotFoundError
from face3d_live.live.engine.pipeline import AVATAR_SIZE
from face3d_live.live.sessions.observer import SessionFrame
from face3d_live.live.sessions.registry import SessionRegistry
from face3d_live.live.sessions.session import Session
from face3d_live.typing import Picture

logger = logging.getLogger(__name__)


MAX_VIEWERS = 16
#: Pictures sent and not acknowledged.
MAX_IN_FLIGHT = 2
#: Interval between checks for a newer session.
POLL_SECONDS = 0.5
_TOO_SLOW = LimitError("too-slow", "the viewer acknowledges no pictures")
_QUALITY = 82

# Pillow encodes without the GIL, 7 ms a picture.
_pool = ThreadPoolExecutor(1, thread_name_prefix="webp")


def encode(picture: Picture) -> bytes:  # (H, W, 4) -> WebP
    """Colours lossy, alpha exact; the fastest method."""
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "WEBP", quality=_QUALITY, method=0)
    return file.getvalue()


class Viewers:
    """Serves viewers of all sessions. A picture for several viewers is encoded once."""

    def __init__(self, sessions: SessionRegistry, stuck_seconds: float) -> None:
        self._sessions = sessions
        self._stuck_seconds = stuck_seconds
        self._encoded: dict[str, tuple[int, asyncio.Future[bytes]]] = {}
        self.count = 0

    async def serve(self, websocket: WebSocket, session_id: str | None) -> None:
        """Serve one viewer until it ends. session_id: None for whichever session is the newest.

        Raises NotFoundError "not-found", LimitError "too-many-viewers", before accepting.
        """
        if self.count >= MAX_VIEWERS:
            raise LimitError("too-many-viewers", f"{MAX_VIEWERS} viewers are connected, which is the limit")
        if session_id is not None and self._sessions.get(session_id) is None:
            raise NotFoundError("not-found", f"no session is called {session_id[:40]!r}")
        await websocket.accept()
        self.count += 1
        viewer = _Viewer(websocket)
        reading = asyncio.create_task(viewer.read(), name="viewer-reader")
        showing = asyncio.create_task(self._show(viewer, session_id), name="viewer")
        try:
            await asyncio.wait({reading, showing}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (reading, showing):
                task.cancel()
            outcomes = await asyncio.gather(reading, showing, return_exceptions=True)
            self.count -= 1
        for outcome in outcomes:
            if isinstance(outcome, TimeoutError):
                logger.warning("a viewer reads nothing and is disconnected")
                with contextlib.suppress(RuntimeError, WebSocketDisconnect):
                    await websocket.close(_TOO_SLOW.close_code, str(_TOO_SLOW))
            elif isinstance(outcome, Exception) and not isinstance(outcome, WebSocketDisconnect):
                raise outcome

    async def _show(self, viewer: _Viewer, session_id: str | None) -> None:
        while True:
            session = self._sessions.get(session_id) if session_id is not None else self._sessions.newest
            await self._tell(viewer, session, session.engine.side if session is not None else AVATAR_SIZE)
            if session is not None:
                await self._follow(viewer, session, session_id is None)
            elif session_id is not None:
                await viewer.websocket.close(1000, "the session has ended")
                return
            else:
                while self._sessions.newest is None:
                    await asyncio.sleep(POLL_SECONDS)

    async def _follow(self, viewer: _Viewer, session: Session, until_newer: bool) -> None:
        """Send a session's pictures until it ends or, with until_newer, a newer one begins."""
        session.want_cutouts(True)
        number, side = 0, session.engine.side
        try:
            while self._sessions.get(session.id) is session and not (
                until_newer and self._sessions.newest is not session
            ):
                try:
                    async with asyncio.timeout(POLL_SECONDS):
                        await viewer.may_send()
                        frame = await session.next_frame(number)
                except TimeoutError:
                    continue
                if frame is None:
                    return
                number = frame.number
                if frame.result.cutout is not None:
                    if len(frame.result.cutout) != side:
                        side = len(frame.result.cutout)
                        await self._tell(viewer, session, side)
                    data = await asyncio.shield(self._encode(session, frame, frame.result.cutout))
                    async with asyncio.timeout(self._stuck_seconds):
                        await viewer.send(data)
        finally:
            session.want_cutouts(False)
            self._encoded.pop(session.id, None)

    async def _tell(self, viewer: _Viewer, session: Session | None, side: int) -> None:
        async with asyncio.timeout(self._stuck_seconds):
            name = session.id if session is not None else None
            await viewer.websocket.send_json({"session": name, "size": side})

    def _encode(self, session: Session, frame: SessionFrame, cutout: Picture) -> asyncio.Future[bytes]:
        number, made = self._encoded.get(session.id, (0, None))
        if made is None or number != frame.number:
            made = asyncio.get_running_loop().run_in_executor(_pool, encode, cutout)
            self._encoded[session.id] = frame.number, made
        return made


class _Viewer:
    """A client and the number of its unacknowledged pictures."""

    def __init__(self, websocket: WebSocket) -> None:
        self.websocket = websocket
        self._in_flight = 0
        self._drawn = asyncio.Event()

    async def read(self) -> None:
        """Count the acknowledgements, the text messages "drawn", until the client disconnects."""
        while (message := await self.websocket.receive())["type"] != "websocket.disconnect":
            if message.get("text") == "drawn":
                self._in_flight = max(0, self._in_flight - 1)
                self._drawn.set()

    async def may_send(self) -> None:
        """Wait until fewer than `MAX_IN_FLIGHT` pictures are unacknowledged."""
        while self._in_flight >= MAX_IN_FLIGHT:
            self._drawn.clear()
            await self._drawn.wait()

    async def send(self, data: bytes) -> None:
        """Send a picture."""
        self._in_flight += 1
        await self.websocket.send_bytes(data)
