"""What is done about a session that the engine was working for when it died: its poison must not come again.

After a restart the engine is given everything that a session had: its avatar, texture, calibration, view. If one of
them hangs or kills it, it does so again, for all sessions. So a session loses first its avatar, then everything but its
camera, and at last its place.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from enum import IntEnum

from face3d_live.live.engine.progress import Work

#: Deaths count for so long: those that are farther apart have nothing to do with each other.
FORGET_SECONDS = 60.0
#: A death that somebody else may have caused (a signal from outside) counts less than one that the work has caused.
CERTAIN, UNCERTAIN = 1.0, 0.5
#: Keys of avatars that are remembered.
MAX_KEYS = 1000


class Measure(IntEnum):
    """What a session loses. NOTHING: the engine's death was not its doing, as far as is known."""

    NOTHING = 0
    AVATAR = 1
    EVERYTHING = 2
    PLACE = 3


class Quarantine:
    """Under the link's lock. count: how often a session has lost something."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.count = 0
        self._clock = clock
        self._deaths: list[tuple[float, str, float]] = []  # time, session, how much it counts
        self._avatars: OrderedDict[str, None] = OrderedDict()

    def holds(self, key: str) -> bool:
        """Whether an avatar has hung or killed the engine."""
        return key in self._avatars

    def add_avatar(self, key: str) -> None:
        """Never draw this avatar again."""
        self._avatars[key] = None
        while len(self._avatars) > MAX_KEYS:
            self._avatars.popitem(last=False)

    def measure(self, session: str, certain: bool, has_avatar: bool, work: Work) -> Measure:
        """The engine died at this work for a session. certain: by a hang or a crash, not by another's signal.

        A first picture without an avatar costs nothing more: the picture itself is gone already.
        """
        now = self._clock()
        self._deaths.append((now, session, CERTAIN if certain else UNCERTAIN))
        self._deaths = [death for death in self._deaths if now - death[0] < FORGET_SECONDS]
        strikes = sum(weight for _, of, weight in self._deaths if of == session)
        if strikes < 1 or (strikes < 2 and work == "frame" and not has_avatar):
            return Measure.NOTHING
        self.count += 1
        if strikes >= 3:
            self._deaths = [death for death in self._deaths if death[1] != session]
            return Measure.PLACE
        return Measure.AVATAR if has_avatar else Measure.EVERYTHING
