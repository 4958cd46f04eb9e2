"""The newest session's avatar as a camera for other programs: OBS without a browser source, calls, browsers."""

from __future__ import annotations

import asyncio
import logging

import numpy as np

from face3d_live.live.engine.pipeline import AVATAR_SIZE
from face3d_live.live.sessions.registry import SessionRegistry
from face3d_live.live.sessions.session import Session
from face3d_live.live.video_device import VideoDevice
from face3d_live.render.pictures import FLAT
from face3d_live.typing import Rgb

logger = logging.getLogger(__name__)

#: Without a session the empty backdrop is shown so often: a camera that shows nothing looks broken.
IDLE_SECONDS = 0.5


class VirtualCamera:
    """Writes to a device until it is cancelled, or the device is gone."""

    def __init__(self, device: VideoDevice, sessions: SessionRegistry) -> None:
        self._device, self._sessions = device, sessions
        self._nobody = np.full((AVATAR_SIZE, AVATAR_SIZE, 3), FLAT, np.uint8)

    async def run(self) -> None:
        """Follow whichever session is the newest."""
        try:
            while True:
                session = self._sessions.newest
                if session is None:
                    await self._write(self._nobody)
                    await asyncio.sleep(IDLE_SECONDS)
                else:
                    await self._follow(session)
        except OSError as error:
            logger.error("the virtual camera %s is gone: %s", self._device.path, error)
        finally:
            self._device.close()

    async def _follow(self, session: Session) -> None:
        session.want_pictures(True)
        number = 0
        try:
            while self._sessions.newest is session:
                try:
                    async with asyncio.timeout(IDLE_SECONDS):
                        frame = await session.next_frame(number)
                except TimeoutError:
                    continue
                if frame is None:
                    return
                number = frame.number
                if frame.result.image is not None:
                    await self._write(frame.result.image)
        finally:
            session.want_pictures(False)

    async def _write(self, picture: Rgb) -> None:
        """In a thread: scaling and converting take two milliseconds. What a busy device does not take is left out."""
        await asyncio.to_thread(self._device.write, picture)
