"""Timestamps for formats with clock time, advanced by the pictures' own timestamps."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import datetime

from face3d_live.protocols.frame import StreamFrame

DAY = 86400.0
DRIFT = 0.5  # seconds that the pictures' times may be off the clock before they are set by it again


def time_of_day(moment: datetime) -> float:
    """Seconds since midnight, 0 to 86400."""
    return moment.hour * 3600 + moment.minute * 60 + moment.second + moment.microsecond / 1e6


class ClockTime:
    """Clock times of frames that are sent now. They start at the clock's time and advance by the pictures' timestamps.

    They are set to the clock again when they differ from it by more than `DRIFT`: another session, a take that loops, a
    clock that was set, a machine that slept. clock: returns seconds. period: seconds after which it wraps to 0.
    """

    def __init__(self, clock: Callable[[], float], period: float = math.inf) -> None:
        self._clock, self._period = clock, period
        self._offset: float | None = None
        self._session = ""

    def __call__(self, frame: StreamFrame) -> float:
        """The time of a frame that is sent now, in the clock's seconds."""
        now = self._clock()
        if self._offset is None or frame.session != self._session or self._drift(frame.t + self._offset, now) > DRIFT:
            self._offset, self._session = now - frame.t, frame.session
        t = frame.t + self._offset
        return t if math.isinf(self._period) else t % self._period

    def _drift(self, t: float, now: float) -> float:
        if math.isinf(self._period):
            return abs(t - now)
        return abs((t - now + self._period / 2) % self._period - self._period / 2)
