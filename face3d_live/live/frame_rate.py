"""The frame rate of a camera: what it is asked for, and what its pictures' timestamps say."""

from __future__ import annotations

from collections import deque

import numpy as np

from face3d_live.video.clock import frame_rate

#: The newest pictures count only, as many cameras slow down in low light.
_PICTURES = 90
#: The least number of intervals for a measurement.
_ENOUGH = 6
#: A rate this near to a whole number is rounded to it, relative.
_NEAR = 0.02


#: Frames a second that the page asks the camera for, and where the machine has the time.
USUAL_RATE, FAST_RATE = 30, 60
#: With so many cores network, rendering and video of a frame take less than a sixtieth of a second together.
FAST_CORES = 8


def wanted_rate(device: str, cores: int) -> int:
    """What a browser should ask its camera for. device: what the network runs on, "" before it is known."""
    return FAST_RATE if device in ("cuda", "gpu") or cores >= FAST_CORES else USUAL_RATE


class CameraRate:
    """nominal: a file's stated rate; it is used instead of a measurement. Thread-safe."""

    def __init__(self) -> None:
        self.nominal: float | None = None
        self._stamps: deque[float] = deque(maxlen=_PICTURES)

    def add(self, t: float) -> None:
        """Count a picture with this timestamp, seconds."""
        self._stamps.append(t)

    @property
    def fps(self) -> float | None:
        """Frames per second; None before `_ENOUGH` intervals.

        By the most common interval (`frame_rate`), so lost pictures and pauses do not count.
        """
        if self.nominal is not None:
            return self.nominal
        stamps = list(self._stamps)
        fps = frame_rate(stamps)
        if fps is None or (np.diff(stamps) > 0).sum() < _ENOUGH:
            return None
        return float(round(fps)) if abs(fps - round(fps)) < _NEAR * fps else round(fps, 2)
