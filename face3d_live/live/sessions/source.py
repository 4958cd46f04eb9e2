"""A session without a browser: its pictures come from a video file, looped in real time, or from a local camera."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Iterator

from face3d_live.errors import InputError
from face3d_live.live.engine.shared_memory import MAX_SIDE
from face3d_live.live.sessions.registry import SessionRegistry
from face3d_live.live.sessions.session import Session
from face3d_live.typing import Rgb
from face3d_live.video import Video

logger = logging.getLogger(__name__)


def open_source(name: str) -> Video:
    """A file's path, a device's path, or a camera's number. Raises InputError, see `Video.open`."""
    return Video.open(f"/dev/video{name}" if name.isdecimal() else name, MAX_SIDE)


def is_camera(name: str) -> bool:
    """Whether the name means a local camera."""
    return name.isdecimal() or name.startswith("/dev/")


class Source:
    """Reads in its own thread and submits to a session that ends with the source."""

    def __init__(self, name: str, sessions: SessionRegistry) -> None:
        self._name = name
        self._sessions = sessions
        self._stop = threading.Event()

    async def run(self) -> None:
        """Until cancelled, or until the source cannot be read."""
        session = self._sessions.open("source")
        logger.info("%s plays into session %s", self._name, session.id)
        playing = asyncio.ensure_future(asyncio.to_thread(self._play, session))
        try:
            await asyncio.shield(playing)
        except InputError as error:
            logger.error("the source cannot be read: %s", error)
        finally:
            self._stop.set()
            await asyncio.wait([playing])
            self._sessions.close(session)

    def _play(self, session: Session) -> None:
        began = time.monotonic()
        for rgb, t in self._frames(session):
            if self._stop.wait(max(0.0, began + t - time.monotonic())):
                return
            session.submit(rgb, t, time.monotonic())

    def _frames(self, session: Session) -> Iterator[tuple[Rgb, float]]:
        """Pictures (H, W, 3) and their times, which keep rising when the file starts again."""
        offset = 0.0
        while not self._stop.is_set():
            with open_source(self._name) as video:
                if not is_camera(self._name):  # a camera's stated rate does not hold in low light
                    session.camera.nominal = min(max(video.fps, 1.0), 240.0)
                t = 0.0
                for rgb, t in video:
                    yield rgb, offset + t
                offset += t + 1 / video.fps
