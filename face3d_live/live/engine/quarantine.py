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

#: Deaths that are so far apart have nothing to do with each other.
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
        self._strikes: dict[str, tuple[float, float]] = {}  # session -> sum, time of the last one
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
        self._strikes = {name: of for name, of in self._strikes.items() if now - of[1] < FORGET_SECONDS}
        before = self._strikes.get(session, (0.0, now))[0]
        strikes = before + (CERTAIN if certain else UNCERTAIN)
        self._strikes[session] = strikes, now
        if strikes < 1 or (strikes < 2 and work == "frame" and not has_avatar):
            return Measure.NOTHING
        self.count += 1
        if strikes >= 3:
            self._strikes.pop(session)
            return Measure.PLACE
        return Measure.AVATAR if has_avatar else Measure.EVERYTHING
