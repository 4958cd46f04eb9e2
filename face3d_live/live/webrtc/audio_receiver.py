"""A browser's sound: when each of its samples belongs to, in the time of its camera's pictures.

Both streams count their own clocks from a start of their own. What connects them is, best, the sender's reports (RTCP
SR, RFC 3550 section 6.4.1), which say what each stream's clock was at a moment of the sender's own; and until those
have come, or where they contradict it, when packets arrived: over some seconds the least delayed of both streams have
been about equally long under way.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

import av
from aiortc import MediaStreamTrack
from aiortc.mediastreams import MediaStreamError

from face3d_live.takes.sound import RATE, Samples, one_channel

#: Seconds by which received sound is held back to be put in order: four packets of 20 ms (aiortc's jitter buffer).
HELD = 0.08
#: Reports that are farther than this from what arrivals say belong to another time of the stream, seconds.
TRUSTED = 0.5
#: Arrivals are compared over so many seconds.
_WINDOW = 10
_NTP = 2.0**-32


class StreamClock:
    """One stream: seconds of its own clock, when they arrived, and when they were sent."""

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._least: deque[tuple[int, float]] = deque(maxlen=_WINDOW)
        self._newest = 0.0
        self.sent: float | None = None  # sender's time of this clock's zero, seconds

    def arrived(self, t: float, when: float) -> None:
        """What was stamped `t` came at `when` (monotonic)."""
        second, lag = int(when), when - t
        self._newest = t
        if self._least and self._least[-1][0] == second:
            self._least[-1] = second, min(lag, self._least[-1][1])
        else:
            self._least.append((second, lag))

    def reported(self, stamp: int, ntp: int, origin: int) -> None:
        """A sender's report: `stamp`, of which `origin` is this clock's zero, was at `ntp` (2**-32 seconds)."""
        # Stamps have 32 bits: the report is the one nearest to what came last.
        newest = round(self._newest * self._rate)
        ahead = (stamp - origin - newest + 2**31) % 2**32 - 2**31
        self.sent = ntp * _NTP - (newest + ahead) / self._rate

    @property
    def lag(self) -> float | None:
        """Arrival less stamp of the least delayed one."""
        return min((lag for _, lag in self._least), default=None)


class Sync:
    """The two clocks of one sender."""

    def __init__(self) -> None:
        self.video, self.audio = StreamClock(90_000), StreamClock(RATE)

    def shift(self) -> float | None:
        """Seconds to add to a time of the sound to have it in the time of the pictures; None while it is not known."""
        if self.video.lag is None or self.audio.lag is None:
            return None
        arrival = self.audio.lag - HELD - self.video.lag
        if self.audio.sent is None or self.video.sent is None:
            return arrival
        reported = self.audio.sent - self.video.sent
        return reported if abs(reported - arrival) < TRUSTED else arrival


class Voice:
    """Reads a sound track for as long as it lives. What is heard goes to `hear` (samples, time of the sound), and
    nowhere else; `listening` says whether anybody wants it."""

    def __init__(
        self,
        track: MediaStreamTrack,
        arrived: Callable[[float], None],
        listening: Callable[[], bool],
        hear: Callable[[Samples, float], None],
    ) -> None:
        self._track, self._arrived, self._listening, self._hear = track, arrived, listening, hear

    async def drain(self) -> None:
        """Until the track ends."""
        try:
            while True:
                frame = await self._track.recv()
                if not isinstance(frame, av.AudioFrame) or frame.pts is None or frame.sample_rate != RATE:
                    continue
                t = float(frame.pts * frame.time_base)
                self._arrived(t)
                if self._listening():
                    self._hear(one_channel(frame), t)
        except MediaStreamError:
            return
