"""Receives a browser's sound and synchronises it with the camera's pictures.

Each stream has its own clock with its own start. The sender's reports (RTCP SR, RFC 3550 section 6.4.1) give both
clocks at a time of the sender, and so relate them. Before the first reports, and where they contradict the arrival
times, the arrival times are used: over some seconds, the least delayed packets of both streams have about equal delays.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

import av
from aiortc import MediaStreamTrack
from aiortc.mediastreams import MediaStreamError

from face3d_live.takes.sound import RATE, Samples, one_channel

#: Seconds by which aiortc's jitter buffer delays sound: four packets of 20 ms.
JITTER_BUFFER_SECONDS = 0.08
#: Reports that differ from the arrival times by more belong to another part of the stream, seconds.
MAX_DISAGREEMENT = 0.5
#: Arrival times are compared over so many seconds.
_WINDOW = 10
_NTP = 2.0**-32


class StreamClock:
    """One stream's clock: relates its own time to arrival times and to the sender's time."""

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._least_lags: deque[tuple[int, float]] = deque(maxlen=_WINDOW)
        self._newest = 0.0
        self.sent: float | None = None  # sender's time of this clock's zero, seconds

    def arrived(self, t: float, when: float) -> None:
        """A packet with stream time `t` arrived at `when`, monotonic seconds."""
        second, lag = int(when), when - t
        self._newest = t
        if self._least_lags and self._least_lags[-1][0] == second:
            self._least_lags[-1] = second, min(lag, self._least_lags[-1][1])
        else:
            self._least_lags.append((second, lag))

    def reported(self, stamp: int, ntp: int, origin: int) -> None:
        """A sender's report: `stamp`, of which `origin` is this clock's zero, was at `ntp` (2**-32 seconds)."""
        # RTP timestamps wrap at 32 bits: the value nearest to the newest packet is meant.
        newest = round(self._newest * self._rate)
        ahead = (stamp - origin - newest + 2**31) % 2**32 - 2**31
        self.sent = ntp * _NTP - (newest + ahead) / self._rate

    @property
    def lag(self) -> float | None:
        """Arrival time less stream time of the least delayed packet; None before the first."""
        return min((lag for _, lag in self._least_lags), default=None)


class AudioVideoSync:
    """The video and audio clocks of one sender."""

    def __init__(self) -> None:
        self.video, self.audio = StreamClock(90_000), StreamClock(RATE)

    def shift(self) -> float | None:
        """Seconds to add to an audio time to get the video time; None while it is unknown."""
        if self.video.lag is None or self.audio.lag is None:
            return None
        arrival = self.audio.lag - JITTER_BUFFER_SECONDS - self.video.lag
        if self.audio.sent is None or self.video.sent is None:
            return arrival
        reported = self.audio.sent - self.video.sent
        return reported if abs(reported - arrival) < MAX_DISAGREEMENT else arrival


class AudioReceiver:
    """Reads an audio track until it ends. on_packet: called with each packet's audio time.

    on_samples: called with samples and their audio time while `wanted` returns True; otherwise the samples are dropped.
    """

    def __init__(
        self,
        track: MediaStreamTrack,
        on_packet: Callable[[float], None],
        wanted: Callable[[], bool],
        on_samples: Callable[[Samples, float], None],
    ) -> None:
        self._track, self._on_packet, self._wanted, self._on_samples = track, on_packet, wanted, on_samples

    async def drain(self) -> None:
        """Until the track ends."""
        try:
            while True:
                frame = await self._track.recv()
                if not isinstance(frame, av.AudioFrame) or frame.time is None or frame.sample_rate != RATE:
                    continue
                t = frame.time
                self._on_packet(t)
                if self._wanted():
                    self._on_samples(one_channel(frame), t)
        except MediaStreamError:
            return
