"""Plays takes into sessions of their own, one at a time, and gives the outputs what is played."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any

from face3d_live.codes import HeadCodes
from face3d_live.live.engine.shared_memory import SKIN_SIZE
from face3d_live.live.sessions.session import Session, Sessions
from face3d_live.live.takes.playback import Performance, make_skin, perform
from face3d_live.live.worker.process import Worker

logger = logging.getLogger(__name__)


class Playing:
    """A take that is being played. take_id: by which it was asked for; position: seconds of what is played."""

    def __init__(self, performance: Performance, session: Session, take_id: str) -> None:
        self.performance, self.session, self.take_id = performance, session, take_id
        self.position = 0.0
        self.task: asyncio.Task[None] | None = None

    def perform(self, number: int, t: float, face: bool, codes: HeadCodes) -> bool:
        """A frame is due (`playback.Stage`)."""
        seconds = self.performance.take.seconds
        self.position = t * self.performance.speed % seconds if seconds > 0 else 0.0
        return self.session.perform(number, t, face, codes)

    def to_json(self) -> dict[str, object]:
        """What is played and how far it is, as plain data."""
        performance = self.performance
        return {
            "take": self.take_id,
            "name": performance.take.header.name,
            "session": self.session.id,
            "loop": performance.loop,
            "speed": performance.speed,
            "start": performance.start,
            "position": round(performance.start + self.position, 3),
            "seconds": round(performance.take.seconds, 3),
            "frames": len(performance.take),
        }


class Player:
    """lead: told whose frames the outputs shall send meanwhile, None when nothing is played. spawn: runs a task."""

    def __init__(
        self,
        sessions: Sessions,
        worker: Worker,
        lead: Callable[[str | None], None],
        spawn: Callable[[Coroutine[Any, Any, None], str], None],
    ) -> None:
        self._sessions, self._worker, self._lead, self._spawn = sessions, worker, lead, spawn
        self._skin: tuple[bytes, asyncio.Future[bytes | None]] | None = None
        self._running: set[asyncio.Task[None]] = set()
        self._idle = asyncio.Event()
        self._idle.set()
        self.now: Playing | None = None

    def play(self, performance: Performance, take_id: str = "") -> Playing:
        """Begin; what was played before ends. Raises LimitError "too-many-sessions"."""
        playing = Playing(performance, self._sessions.open("take"), take_id)
        before, self.now = self.now, playing
        self._lead(playing.session.id)
        playing.task = asyncio.create_task(self._run(playing), name="take")
        self._running.add(playing.task)
        self._idle.clear()
        playing.task.add_done_callback(self._done)
        if before is not None and before.task is not None:
            before.task.cancel()
        return playing

    async def stop(self) -> None:
        """End what is played. Idempotent."""
        for task in self._running:
            task.cancel()
        await self._idle.wait()

    async def over(self) -> None:
        """Until nothing is played."""
        await self._idle.wait()

    async def _run(self, playing: Playing) -> None:
        self._dress(playing)
        try:
            await perform(playing.performance, playing)
        finally:
            self._sessions.close(playing.session)
            if self.now is playing:
                self.now = None
                self._lead(None)

    def _dress(self, playing: Playing) -> None:
        """Give the session a skin of the take's person. One is made once for a person who is played again and again."""
        take = playing.performance.take
        key = take.textures[take.person[-1]].tobytes()
        if self._skin is None or self._skin[0] != key:
            self._skin = key, asyncio.get_running_loop().create_future()
            self._spawn(self._make_skin(playing.performance, self._skin[1]), "skin of a take")

        def put_on(made: asyncio.Future[bytes | None]) -> None:
            if not made.cancelled() and (skin := made.result()) is not None:
                playing.session.wear(skin, SKIN_SIZE)

        self._skin[1].add_done_callback(put_on)

    async def _make_skin(self, performance: Performance, made: asyncio.Future[bytes | None]) -> None:
        try:
            made.set_result(await make_skin(performance, self._worker))
        finally:
            made.cancel()  # does nothing to one that has its result

    def _done(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        if not self._running:
            self._idle.set()
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.error("playing a take failed", exc_info=error)
