"""How often an output sends: at most at its rate, without losing every other frame to a little jitter."""

from __future__ import annotations

import time
from collections import deque

#: A frame may come early by this share of the interval: a camera's frames never come evenly.
_EARLY = 0.3


class Pace:
    """rate: frames per second. Times are monotonic seconds."""

    def __init__(self, rate: float) -> None:
        self.rate = rate
        self._due = 0.0

    def wait(self, now: float | None = None) -> float:
        """Seconds until the next frame may go; 0 for at once."""
        return max(0.0, self._due - (time.monotonic() if now is None else now) - _EARLY / self.rate)

    def sent(self, now: float | None = None) -> None:
        """One has gone."""
        now = time.monotonic() if now is None else now
        self._due = max(self._due, now - 1 / self.rate) + 1 / self.rate


class Counter:
    """Frames per second of the last second or two."""

    def __init__(self) -> None:
        self._times: deque[float] = deque(maxlen=60)

    def add(self, now: float) -> None:
        """A frame went."""
        self._times.append(now)

    def fps(self, now: float) -> float:
        """0 when nothing went for a second."""
        times = self._times
        if len(times) < 2 or now - times[-1] > 1.0:
            return 0.0
        return (len(times) - 1) / max(times[-1] - times[0], 1e-6)
