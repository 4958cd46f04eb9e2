"""Playing a take: its frames go to the hub at their own times, as a live face's would, and are drawn meanwhile."""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import dataclass
from typing import Protocol

from face3d_live.codes import HeadCodes
from face3d_live.errors import Face3DError
from face3d_live.live.engine.shared_memory import SKIN_SIZE
from face3d_live.live.worker.process import Report, Worker
from face3d_live.takes.clock import schedule
from face3d_live.takes.model import Take

logger = logging.getLogger(__name__)

#: A machine that slept, or was busy for so long, goes on from where it is instead of hurrying after.
HOPELESS = 1.0
MIN_SPEED, MAX_SPEED = 0.1, 10.0


class Clock(Protocol):
    """What time it is, and how to let it pass."""

    def now(self) -> float:
        """Seconds, never running back."""

    async def sleep(self, seconds: float) -> None:
        """Let so much time pass."""


class WallClock:
    """The real one."""

    now = staticmethod(time.monotonic)
    sleep = staticmethod(asyncio.sleep)


@dataclass(frozen=True)
class Performance:
    """What to play: a take with at least one frame, once or for ever. start: where it was cut out of a longer one."""

    take: Take
    loop: bool = False
    speed: float = 1.0
    start: float = 0.0


class Stage(Protocol):
    """Where frames go."""

    def perform(self, number: int, t: float, face: bool, codes: HeadCodes) -> bool:
        """A frame of a take is due; False when nobody is there any more."""


async def perform(performance: Performance, stage: Stage, clock: Clock | None = None) -> None:
    """Play to the end, which a loop has not, or until the stage has gone. Every frame is sent once, none too early.

    A frame that is late because the loop was busy goes out at once and the next ones are on time again.
    """
    take, clock = performance.take, clock or WallClock()
    began = clock.now()
    for number, due in enumerate(schedule(take, performance.loop, performance.speed), 1):
        wait = began + due.seconds - clock.now()
        if wait > 0:
            await clock.sleep(wait)
        elif wait < -HOPELESS:
            logger.warning("playing was held up for %.1f s and goes on from there", -wait)
            began -= wait
        else:
            await asyncio.sleep(0)  # others must have their turn, too
        if not stage.perform(number, due.seconds, bool(take.face[due.frame]), take.codes(due.frame)):
            return


async def make_skin(performance: Performance, worker: Worker) -> bytes | None:
    """A skin of the take's person, (SKIN_SIZE, SKIN_SIZE, 4) as raw bytes; None when there is to be the default one."""
    take = performance.take
    try:
        return await worker.run(take_skin, take.textures[take.person[-1]])
    except Face3DError as error:
        logger.warning("the take keeps the default skin: %s", error)
        return None


def take_skin(report: Report, code: object) -> bytes:
    """The worker's task: a texture code (50,) to a skin (SKIN_SIZE, SKIN_SIZE, 4) as raw bytes."""
    import numpy as np

    from face3d_live.head.model import Head
    from face3d_live.takes.default_head import skin

    return np.ascontiguousarray(skin(np.asarray(code), Head.load(), SKIN_SIZE), np.uint8).tobytes()
