"""Whose picture is next: a share of the engine's time for every session, however slow its pictures are.

Start-time fair queuing (Goyal, Vin, Cheng 1996) with equal weights: the session that has used the least time goes
first, and one that comes back from silence has saved up nothing.
"""

from __future__ import annotations

from collections import OrderedDict

from face3d_live.live.engine import messages as m

#: A picture with an avatar may take so many seconds to draw; after `MAX_SLOW` slower ones in a row, or one that takes
#: `MAX_PICTURE_SECONDS`, the avatar is given up. Our own head takes 0.01 to 0.05.
PICTURE_SECONDS = 0.25
MAX_PICTURE_SECONDS = 0.8
FIRST_PICTURE_SECONDS = 1.6
MAX_SLOW = 3


class FairQueue:
    """At most one frame of each session waits."""

    def __init__(self) -> None:
        self._waiting: OrderedDict[str, m.ProcessFrame] = OrderedDict()
        self._used: dict[str, float] = {}  # seconds, on a common clock that stands still while nothing is processed
        self._clock = 0.0

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, frame: m.ProcessFrame) -> None:
        """A frame waits."""
        self._waiting[frame.session] = frame
        self._used[frame.session] = max(self._used.get(frame.session, 0.0), self._clock)

    def pop(self) -> m.ProcessFrame:
        """The next frame: of the session that has used the least time; among equals, the one that came first."""
        session = min(self._waiting, key=lambda name: self._used[name])
        self._clock = max(self._clock, self._used[session])
        return self._waiting.pop(session)

    def charge(self, session: str, seconds: float) -> None:
        """A frame of this session took so long."""
        if session in self._used:
            self._used[session] += seconds

    def forget(self, session: str) -> None:
        """The session has ended."""
        self._waiting.pop(session, None)
        self._used.pop(session, None)


class RenderBudget:
    """One session's slow pictures in a row. The first one with an avatar compiles shaders, and may take longer."""

    def __init__(self) -> None:
        self._slow, self._limit = 0, FIRST_PICTURE_SECONDS

    def exceeded(self, seconds: float) -> bool:
        """Count a picture that took so long to draw. Whether the avatar is to be given up."""
        limit, self._limit = self._limit, MAX_PICTURE_SECONDS
        if limit == FIRST_PICTURE_SECONDS:
            return seconds > limit
        self._slow = self._slow + 1 if seconds > PICTURE_SECONDS else 0
        return seconds > limit or self._slow >= MAX_SLOW
