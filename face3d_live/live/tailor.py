"""The avatar wears its user's own skin: good moments are picked from the stream, the worker makes textures of them.

Nothing of it is stored: the texture lives in the memory of this process and of the engine, until the session ends.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from face3d_live.codes import INDEX, HeadCodes
from face3d_live.errors import Face3DError
from face3d_live.live.mailbox import SKIN_SIZE
from face3d_live.live.worker import Task, Worker
from face3d_live.track.identity import FAR, goodness

logger = logging.getLogger(__name__)

Rgb = NDArray[np.uint8]

#: Seconds of looking around for a good moment before the first skin is made, and between two skins.
FIRST, BETWEEN = 1.0, 4.0
#: The least goodness worth a skin, and by how much a later moment must be better than the one that is worn.
LEAST, BETTER = 0.3, 1.15
_LIDS = [INDEX["eyeBlinkLeft"], INDEX["eyeBlinkRight"]]


@dataclass(frozen=True)
class Moment:
    """A picture (H, W, 3), its codes, and how well it shows the skin, 0..1."""

    rgb: Rgb
    codes: HeadCodes
    worth: float


class Wardrobe:
    """What one session wears and might wear."""

    def __init__(self, wear: Callable[[Rgb], None]) -> None:
        self.wear = wear
        self.worn: Moment | None = None
        self.best: Moment | None = None
        self.fitting = False
        self.next = 0.0


class Tailor:
    """Makes skins for all sessions, one at a time in the worker. `spawn` runs a task that ends with the server."""

    def __init__(self, worker: Worker, task: Task, spawn: Callable[[Coroutine[Any, Any, None], str], None]) -> None:
        self._worker = worker
        self._task = task
        self._spawn = spawn
        self._closed = False

    def consider(self, wardrobe: Wardrobe, rgb: Rgb, codes: HeadCodes, confidence: float) -> None:
        """A picture with a face has come."""
        if self._closed:
            return
        now = time.monotonic()
        moment = Moment(rgb, codes, worth(codes, confidence))
        if moment.worth >= LEAST and (wardrobe.best is None or moment.worth > wardrobe.best.worth):
            if wardrobe.best is None and wardrobe.worn is None:
                wardrobe.next = now + FIRST
            wardrobe.best = moment
        best = wardrobe.best
        if best is None or wardrobe.fitting or now < wardrobe.next:
            return
        wardrobe.best = None
        if wanted(best, wardrobe.worn):
            wardrobe.fitting = True
            self._spawn(self._fit(wardrobe, best), "skin")

    async def _fit(self, wardrobe: Wardrobe, moment: Moment) -> None:
        try:
            made = await self._worker.run(self._task, moment.rgb, moment.codes)
        except Face3DError as error:
            # Without it the avatar keeps the plain skin; trying again each second would help nobody.
            logger.warning("no skins are made any more: %s", error)
            self._closed = True
            return
        finally:
            wardrobe.fitting, wardrobe.next = False, time.monotonic() + BETWEEN
        wardrobe.worn = moment
        wardrobe.wear(np.frombuffer(made, np.uint8).reshape(SKIN_SIZE, SKIN_SIZE, 4))


def worth(codes: HeadCodes, confidence: float) -> float:
    """How well a moment shows the skin, 0..1: confident, frontal, mouth and eyes at rest, near enough to see pores."""
    lids = float(np.clip(1.5 - 2 * codes.expression[_LIDS].max(), 0, 1))
    near = float(np.clip(0.9 / max(-float(codes.translation[2]), 0.1), 0, 1))
    return goodness(codes, confidence) * lids * near


def wanted(moment: Moment, worn: Moment | None) -> bool:
    """Whether a new skin is worth making: none is worn, a much better moment, or another (or better known) head."""
    if worn is None or moment.worth > BETTER * worn.worth:
        return True
    distance = float(np.sqrt(np.mean((moment.codes.shape - worn.codes.shape) ** 2)))
    return distance > FAR
