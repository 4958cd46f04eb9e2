"""How many pictures a second a camera gives, by the pictures' own times."""

from __future__ import annotations

from collections import deque

import numpy as np

from face3d_live.video.clock import frame_rate

#: A camera is judged by its newest pictures only: in the dark many take fewer.
_PICTURES = 90
#: From so many on there is something to say.
_ENOUGH = 6
#: A camera that is so near to a whole number means that number.
_NEAR = 0.02


class CameraRate:
    """nominal: what a file says of itself, which is then believed. Any thread may add, any may ask."""

    def __init__(self) -> None:
        self.nominal: float | None = None
        self._stamps: deque[float] = deque(maxlen=_PICTURES)

    def add(self, t: float) -> None:
        """A picture of this time, seconds."""
        self._stamps.append(t)

    @property
    def fps(self) -> float | None:
        """Frames per second, None while too little is known.

        By the usual interval (`frame_rate`): lost pictures and pauses do not count.
        """
        if self.nominal is not None:
            return self.nominal
        stamps = list(self._stamps)
        fps = frame_rate(stamps)
        if fps is None or (np.diff(stamps) > 0).sum() < _ENOUGH:
            return None
        return float(round(fps)) if abs(fps - round(fps)) < _NEAR * fps else round(fps, 2)
