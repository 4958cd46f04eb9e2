"""Rate limits for outputs and stream clients, and a frame rate counter."""

from __future__ import annotations

import time
from collections import deque

#: Frames per second that a stream client or an output may ask for at most.
MAX_RATE = 120.0
#: A frame may come early by this share of the interval. Without it, camera jitter would drop every other frame at 30
#: fps.
_TOLERANCE = 0.3


class RateLimiter:
    """A rate limit that tolerates jitter. rate: frames per second. Times are monotonic seconds."""

    def __init__(self, rate: float) -> None:
        self.rate = rate
        self._due = 0.0

    def wait(self, now: float | None = None) -> float:
        """Seconds until the next frame may be sent; 0 for at once."""
        return max(0.0, self._due - (time.monotonic() if now is None else now) - _TOLERANCE / self.rate)

    def sent(self, now: float | None = None) -> None:
        """Count a frame that was sent."""
        now = time.monotonic() if now is None else now
        self._due = max(self._due, now - 1 / self.rate) + 1 / self.rate


class FrameRateCounter:
    """Frames per second, over the newest 60 frames."""

    def __init__(self) -> None:
        self._times: deque[float] = deque(maxlen=60)

    def add(self, now: float) -> None:
        """Count a frame."""
        self._times.append(now)

    def fps(self, now: float) -> float:
        """0 when no frame came within the last second."""
        times = self._times
        if len(times) < 2 or now - times[-1] > 1.0:
            return 0.0
        return (len(times) - 1) / max(times[-1] - times[0], 1e-6)
