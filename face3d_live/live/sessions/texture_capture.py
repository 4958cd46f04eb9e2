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

from face3d_live.codes import INDEX, HeadCodes
from face3d_live.errors import Face3DError
from face3d_live.live.engine.shared_memory import SKIN_SIZE
from face3d_live.live.worker.process import Task, Worker
from face3d_live.track.identity import FAR, goodness
from face3d_live.typing import Rgb

logger = logging.getLogger(__name__)


#: Seconds of looking around for good moments before the first skin is made, and between two skins.
FIRST, BETWEEN = 1.5, 4.0
#: How many moments a skin is made of, of how many seconds at most one is taken, and the least worth of one.
MOMENTS, WINDOW, LEAST = 6, 0.25, 0.15
#: Seconds without a face after which it may be somebody else's.
ABSENCE = 2.0
#: Metres at which a webcam's face is so small (80 pixels) that a plain skin looks better than its own.
FAR_AWAY = 1.5
#: How much more the moments must be worth together than those that the worn skin is made of.
BETTER = 1.15
_LIDS = [INDEX["eyeBlinkLeft"], INDEX["eyeBlinkRight"]]
#: What opens, stretches or folds the mouth: teeth and creases would be painted on the skin.
_MOUTH = [i for name, i in INDEX.items() if name.startswith(("jaw", "mouth"))]


@dataclass(frozen=True, eq=False)
class Moment:
    """A picture (H, W, 3), its codes, how well it shows the skin (0..1), and when it was (monotonic seconds)."""

    rgb: Rgb
    codes: HeadCodes
    worth: float
    at: float


class Wardrobe:
    """One session's best moments, what the worn skin was worth, and a number that changes with the person."""

    def __init__(self, wear: Callable[[Rgb], None]) -> None:
        self.wear = wear
        self.moments: list[Moment] = []
        self.worn = 0.0
        self.person = 0
        self.fitting = False
        self.next = 0.0
        self._newest: Moment | None = None

    def clear(self) -> None:
        """Forget the person."""
        self.moments.clear()
        self.worn = 0.0
        self.person += 1
        self._newest = None

    def offer(self, moment: Moment) -> None:
        """Keep a moment if it is among the best. Another person's moments go first."""
        if self._newest is not None and _another(self._newest, moment):
            self.clear()
        self._newest = moment
        if moment.worth < LEAST:
            return
        if not self.moments:
            self.next = max(self.next, moment.at + FIRST)
        rivals = [kept for kept in self.moments if kept.at // WINDOW == moment.at // WINDOW]
        if not rivals and len(self.moments) == MOMENTS:
            rivals = [min(self.moments, key=lambda kept: kept.worth)]
        if any(kept.worth >= moment.worth for kept in rivals):
            return
        self.moments = [kept for kept in self.moments if kept not in rivals] + [moment]

    def wants(self, now: float) -> bool:
        """Whether a new skin is due and would be better."""
        if self.fitting or not self.moments or now < self.next:
            return False
        return sum(moment.worth for moment in self.moments) > BETTER * self.worn


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
        wardrobe.offer(Moment(rgb, codes, worth(codes, confidence), now))
        if wardrobe.wants(now):
            wardrobe.fitting = True
            self._spawn(self._fit(wardrobe, list(wardrobe.moments)), "skin")

    async def _fit(self, wardrobe: Wardrobe, moments: list[Moment]) -> None:
        person = wardrobe.person
        try:
            made = await self._worker.run(self._task, [(m.rgb, m.codes, m.worth) for m in moments])
        except Face3DError as error:
            # Without it the avatar keeps the plain skin; trying again every few seconds would help nobody.
            if error.code != "stopping":
                logger.warning("no skins are made any more: %s", error)
            self._closed = True
            return
        finally:
            wardrobe.fitting, wardrobe.next = False, time.monotonic() + BETWEEN
        if wardrobe.person != person:
            return
        wardrobe.worn = sum(moment.worth for moment in moments)
        wardrobe.wear(np.frombuffer(made, np.uint8).reshape(SKIN_SIZE, SKIN_SIZE, 4))


def worth(codes: HeadCodes, confidence: float) -> float:
    """How well a moment shows the skin, 0..1: confident, frontal, mouth and eyes at rest, near enough to see pores."""
    lids = float(np.clip(1.5 - 2 * codes.expression[_LIDS].max(), 0, 1))
    near = float(np.clip((FAR_AWAY + codes.translation[2]) / 0.6, 0, 1))
    calm = 1 - 0.6 * float(np.clip(codes.expression[_MOUTH].max(), 0, 1))
    return goodness(codes, confidence) * lids * near * calm


def _another(before: Moment, now: Moment) -> bool:
    """Whether somebody else may have sat down: after a while without a face, or where the tracker changed its mind.

    Its averaged shape moves slowly while it learns and jumps when it finds another person.
    """
    jump = float(np.sqrt(np.mean((now.codes.shape - before.codes.shape) ** 2)))
    return now.at - before.at > ABSENCE or jump > FAR
