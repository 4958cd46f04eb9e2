"""Plays takes, one at a time, each in its own session. The outputs send what is played."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any

from face3d_live.codes import HeadCodes
from face3d_live.live.sessions.registry import SessionRegistry
from face3d_live.live.sessions.session import Session
from face3d_live.live.takes.playback import Playback, make_texture, play
from face3d_live.live.worker.process import Worker

logger = logging.getLogger(__name__)


class Playing:
    """A take that is being played. take_id: its name in the folder, or "". position: seconds into the playback."""

    def __init__(self, playback: Playback, session: Session, take_id: str) -> None:
        self.playback, self.session, self.take_id = playback, session, take_id
        self.position = 0.0
        self.task: asyncio.Task[None] | None = None

    def submit_codes(self, number: int, t: float, face: bool, codes: HeadCodes) -> bool:
        """A frame is due (`playback.FrameSink`)."""
        seconds = self.playback.take.seconds
        self.position = t * self.playback.speed % seconds if seconds > 0 else 0.0
        return self.session.submit_codes(number, t, face, codes)

    def to_json(self) -> dict[str, object]:
        """The take and its position, as plain data."""
        playback = self.playback
        return {
            "take": self.take_id,
            "name": playback.take.header.name,
            "session": self.session.id,
            "loop": playback.loop,
            "speed": playback.speed,
            "start": playback.start,
            "position": round(playback.start + self.position, 3),
            "seconds": round(playback.take.seconds, 3),
            "frames": len(playback.take),
        }


class Player:
    """on_session: called with the session that the outputs shall send, None when nothing is played.

    spawn: runs a task.
    """

    def __init__(
        self,
        sessions: SessionRegistry,
        worker: Worker,
        on_session: Callable[[str | None], None],
        spawn: Callable[[Coroutine[Any, Any, None], str], None],
    ) -> None:
        self._sessions, self._worker, self._on_session, self._spawn = sessions, worker, on_session, spawn
        self._texture: tuple[bytes, asyncio.Future[bytes | None]] | None = None
        self._running: set[asyncio.Task[None]] = set()
        self._idle = asyncio.Event()
        self._idle.set()
        self.current: Playing | None = None

    def play(self, playback: Playback, take_id: str = "") -> Playing:
        """Start playing, and stop the take before. Raises LimitError "too-many-sessions"."""
        playing = Playing(playback, self._sessions.open("take"), take_id)
        before, self.current = self.current, playing
        self._on_session(playing.session.id)
        playing.task = asyncio.create_task(self._run(playing), name="take")
        self._running.add(playing.task)
        self._idle.clear()
        playing.task.add_done_callback(self._done)
        if before is not None and before.task is not None:
            before.task.cancel()
        return playing

    async def stop(self) -> None:
        """Stop playing. Idempotent."""
        for task in self._running:
            task.cancel()
        await self._idle.wait()

    async def wait_idle(self) -> None:
        """Wait until nothing is played."""
        await self._idle.wait()

    async def _run(self, playing: Playing) -> None:
        self._request_texture(playing)
        try:
            await play(playing.playback, playing)
        finally:
            self._sessions.close(playing.session)
            if self.current is playing:
                self.current = None
                self._on_session(None)

    def _request_texture(self, playing: Playing) -> None:
        """Give the session a texture of the take's person. The newest person's is cached."""
        take = playing.playback.take
        key = take.textures[take.person[-1]].tobytes()
        if self._texture is None or self._texture[0] != key:
            self._texture = key, asyncio.get_running_loop().create_future()
            self._spawn(self._make_texture(playing.playback, self._texture[1]), "texture of a take")

        def apply(made: asyncio.Future[bytes | None]) -> None:
            if not made.cancelled() and (texture := made.result()) is not None:
                playing.session.set_texture(texture)

        self._texture[1].add_done_callback(apply)

    async def _make_texture(self, playback: Playback, made: asyncio.Future[bytes | None]) -> None:
        try:
            made.set_result(await make_texture(playback, self._worker))
        finally:
            made.cancel()  # has no effect once there is a result

    def _done(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        if not self._running:
            self._idle.set()
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.error("playing a take failed", exc_info=error)
