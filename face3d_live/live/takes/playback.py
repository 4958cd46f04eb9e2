"""Playing a take: its frames are published at their own times, as a live face's would be, and drawn by the engine."""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import dataclass
from typing import Protocol

from face3d_live.codes import HeadCodes
from face3d_live.errors import Face3DError
from face3d_live.live.engine.pipeline import TEXTURE_SIZE
from face3d_live.live.worker.process import Report, Worker
from face3d_live.takes.clock import schedule
from face3d_live.takes.model import Take

logger = logging.getLogger(__name__)

#: Seconds behind from which playing goes on from where it is, instead of catching up (the machine slept, or was busy).
MAX_DELAY = 1.0
MIN_SPEED, MAX_SPEED = 0.1, 10.0


class Clock(Protocol):
    """A time source that can sleep; tests replace it."""

    def now(self) -> float:
        """Seconds, monotonic."""

    async def sleep(self, seconds: float) -> None:
        """Wait so long."""


class WallClock:
    """The system's monotonic clock."""

    now = staticmethod(time.monotonic)
    sleep = staticmethod(asyncio.sleep)


@dataclass(frozen=True)
class Playback:
    """What to play: a take with at least one frame, once or in a loop. start: where it was cut out of a longer one.

    at: seconds into the take with which the first lap begins.
    """

    take: Take
    loop: bool = False
    speed: float = 1.0
    start: float = 0.0
    at: float = 0.0


class FrameSink(Protocol):
    """Gets the frames of a take that is played."""

    def submit_codes(self, number: int, t: float, face: bool, codes: HeadCodes) -> bool:
        """A frame is due. False when no more are wanted."""


async def play(playback: Playback, sink: FrameSink, clock: Clock | None = None) -> None:
    """Play to the end (a loop has none), or until the sink wants no more. Every frame is sent once, never early.

    A frame that is late because the event loop was busy is sent at once; the next ones are on time again.
    """
    take, clock = playback.take, clock or WallClock()
    skipped = min(playback.at, float(take.t[-1])) / playback.speed
    began = clock.now() - skipped
    for number, due in enumerate(schedule(take, playback.loop, playback.speed), 1):
        if due.seconds < skipped:
            continue
        wait = began + due.seconds - clock.now()
        if wait > 0:
            await clock.sleep(wait)
        elif wait < -MAX_DELAY:
            logger.warning("playing was held up for %.1f s and goes on from there", -wait)
            began -= wait
        else:
            await asyncio.sleep(0)  # lets other tasks run
        if not sink.submit_codes(number, due.seconds, bool(take.face[due.frame]), take.codes(due.frame)):
            return


async def make_texture(playback: Playback, worker: Worker) -> bytes | None:
    """A texture of the take's person, (TEXTURE_SIZE, TEXTURE_SIZE, 4) as raw bytes; None: the default is to be used."""
    take = playback.take
    try:
        return await worker.run(texture_from_codes, take.textures[take.person[-1]])
    except Face3DError as error:
        logger.warning("the take keeps the default texture: %s", error)
        return None


def texture_from_codes(report: Report, code: object) -> bytes:
    """The worker's task: a texture code (50,) to a texture (TEXTURE_SIZE, TEXTURE_SIZE, 4) as raw bytes."""
    import numpy as np

    from face3d_live.head.model import Head
    from face3d_live.takes.default_head import texture_from_code

    return np.ascontiguousarray(texture_from_code(np.asarray(code), Head.load(), TEXTURE_SIZE), np.uint8).tobytes()
