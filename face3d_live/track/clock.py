"""The tracker's own clock: seconds that never run back, from timestamps that may."""

from __future__ import annotations

from face3d_live.track.filters import NOMINAL_STEP, step

FAMILIAR = 1.0  # seconds without a frame up to which a track goes on


class FrameClock:
    """now: seconds. A gap between frames of up to `FAMILIAR` seconds counts as it is."""

    def __init__(self) -> None:
        self.now = 0.0
        self._stamp: float | None = None

    def advance(self, t: float) -> bool:
        """Take in the timestamp of the next frame, finite, seconds. Whether the gap before it ends a track.

        A clock that stands still or runs back a little counts as one nominal frame (`filters.step`). One that is set
        back further counts as a gap of just over `FAMILIAR` seconds, whose true length is not known.
        """
        dt = step(self._stamp, t)
        ended = False
        if dt is None:
            ahead = t - self._stamp if self._stamp is not None else 0.0
            dt = ahead if ahead > 0 else FAMILIAR + NOMINAL_STEP
            ended = dt > FAMILIAR
        self.now += dt
        self._stamp = t
        return ended
