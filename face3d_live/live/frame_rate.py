"""The frame rate of a camera, measured by its pictures' timestamps."""

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
